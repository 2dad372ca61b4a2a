"""Errors on their way between nodes: a "no" decided there is the same "no" here.

The class goes by its name, and what it says goes along. Every refusal and failure of the program is
known on every node of the same release; one that a newer release has added arrives as its nearest
kind that is known, with the same code and words.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import msgspec

from actors.errors import ActorError, RefusalError

__all__ = ["Failure", "Refusal", "failure", "refusal"]


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag="refused"):
    """A `RefusalError`."""

    name: str
    code: str
    said: str
    details: dict[str, Any]
    is_anothers: bool

    def error(self) -> RefusalError:
        """The error itself."""
        known = _refusals().get(self.name)
        error = (known or RefusalError).__new__(known or RefusalError)
        RefusalError.__init__(error, self.said, **self.details)
        error.is_anothers = self.is_anothers
        if known is None:
            vars(error)["code"] = self.code  # Of a class that is not known here.
        return error


class Failure(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """An `ActorError`."""

    name: str
    said: str
    executed: Literal["no", "maybe"]
    retry_after: float | None

    def error(self) -> ActorError:
        """The error itself."""
        kind = _failures().get(self.name, ActorError)
        error = kind.__new__(kind)
        ActorError.__init__(error, self.said, executed=self.executed)
        error.retry_after = self.retry_after
        return error


def refusal(error: RefusalError) -> Refusal:
    """*error*, for another node."""
    return Refusal(type(error).__name__, error.code, str(error), error.details, error.is_anothers)


def failure(error: ActorError) -> Failure:
    """*error*, for another node."""
    return Failure(type(error).__name__, str(error), error.executed, error.retry_after)


@cache
def _refusals() -> dict[str, type[RefusalError]]:
    return {each.__name__: each for each in _below(RefusalError)}


@cache
def _failures() -> dict[str, type[ActorError]]:
    return {each.__name__: each for each in _below(ActorError)}


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)
