"""Checked before anything runs: every message has one handler, and no asks can form a cycle."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from actors.message import messages
from actors.service import Service

__all__ = ["AskCycleError", "TotalityError", "check_ask_graph", "check_totality"]


class AskCycleError(TypeError):
    """Actors that wait for each other in a ring could wait for ever."""


class TotalityError(TypeError):
    """A message has no handler, or more than one."""


def check_totality(services: Sequence[Service]) -> None:
    """Every message of a module that one of *services* handles must be handled exactly once.

    Raises:
        TotalityError: one is not.

    """
    handled: dict[Any, str] = {}
    for service in services:
        for each in service.members:
            for message in each.handlers:
                if message in handled:
                    raise TotalityError(f"{message.__name__}: {handled[message]} and {each.kind}")
                handled[message] = each.kind
    modules = {message.__module__ for message in handled}
    for message in messages():
        if message.__module__ in modules and message not in handled:
            raise TotalityError(f"nobody handles {message.__module__}.{message.__name__}")


def check_ask_graph(services: Sequence[Service]) -> None:
    """The kinds that wait for each other must form no cycle.

    Raises:
        AskCycleError: they do; the message names the ring.

    """
    graph = {each.kind: each.asks for service in services for each in service.members}
    finished: set[str] = set()
    for kind in graph:
        _walk(kind, graph, (), finished)


def _walk(
    kind: str, graph: Mapping[str, Iterable[str]], path: tuple[str, ...], finished: set[str]
) -> None:
    if kind in path:
        raise AskCycleError(" -> ".join((*path[path.index(kind) :], kind)))
    if kind in finished:
        return
    for asked in graph.get(kind, ()):
        _walk(asked, graph, (*path, kind), finished)
    finished.add(kind)
