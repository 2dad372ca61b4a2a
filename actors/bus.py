"""Who hears of what has been committed.

After each commit the node publishes the change. Whoever waits for one actor *subscribes*, and when
it falls behind keeps the newest change only, because a state says everything the ones before it
said. Whoever shows many things to many people *watches* topics: a pure function, given when the bus
is made, says which topics a change belongs to, and each listener of one of them is called with it.

A topic is a plain name, and a listener needs nothing but the topic and the state that a change
carries. So a bus between processes has the same face: it sends the encoded state once to each topic
(which topics these are, only the sender can say, who knows the state before), and the other side
decodes it and calls its own listeners.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol, TypeAlias

import structlog

from actors.doing import named
from actors.message import State
from actors.ref import Ref

__all__ = ["Bus", "Change", "Listener", "LocalBus", "Subscription", "Topics"]

log = structlog.get_logger("actors.bus")


class Change(NamedTuple):
    """A committed state; `version` rises by one with each."""

    kind: str
    key: str
    version: int
    state: State
    before: State | None = None
    """What it was, blank if it was nothing; only where it was committed, None elsewhere."""


Topics: TypeAlias = Callable[[Change], Iterable[str]]
"""The topics that a change belongs to. Pure."""

Listener: TypeAlias = Callable[[Change], None]
"""Is called with each change of a topic, in the order of their commits; returns at once."""


class Subscription:
    """The changes of one actor since the subscription began."""

    __slots__ = ("_arrived", "_newest")

    def __init__(self) -> None:
        self._newest: Change | None = None
        self._arrived = asyncio.Event()

    def offer(self, change: Change) -> None:
        self._newest = change
        self._arrived.set()

    async def next(self, timeout: float) -> Change:
        """The newest change that has not been seen yet; waits *timeout* seconds for one.

        Raises:
            TimeoutError: there was none.

        """
        async with asyncio.timeout(timeout):
            await self._arrived.wait()
        self._arrived.clear()
        assert self._newest is not None
        return self._newest


class Bus(Protocol):
    """Carries changes from where they are committed to where they are watched."""

    def publish(self, change: Change) -> None: ...

    def subscribe(self, ref: Ref) -> AbstractContextManager[Subscription]: ...

    def watch(self, topic: str, listener: Listener) -> Callable[[], None]:
        """Have *listener* called with the changes of *topic*, until what this returns is called."""
        ...


def _no_topics(_: Change) -> Iterable[str]:
    return ()


class LocalBus:
    """The bus of a single process."""

    def __init__(self, topics_of: Topics = _no_topics) -> None:
        self._topics_of = topics_of
        self._watchers: dict[Ref, set[Subscription]] = {}
        # Lists, because most topics have one listener: the hub of the gateway.
        self._listeners: dict[str, list[Listener]] = {}

    def publish(self, change: Change) -> None:
        if self._watchers:
            for watcher in self._watchers.get(Ref(change.kind, change.key), ()):
                watcher.offer(change)
        if self._listeners:
            self._tell(change)

    def _tell(self, change: Change) -> None:
        """A listener that fails is its own affair: the commit stands, and the turn goes on."""
        for topic in self._topics_of(change):
            for listener in tuple(self._listeners.get(topic, ())):
                try:
                    listener(change)
                except Exception:
                    log.exception(
                        "listener.failed", topic=topic, actor=named(Ref(change.kind, change.key))
                    )

    @contextmanager
    def subscribe(self, ref: Ref) -> Iterator[Subscription]:
        """Watch *ref* while the context lasts."""
        subscription = Subscription()
        watchers = self._watchers.setdefault(ref, set())
        watchers.add(subscription)
        try:
            yield subscription
        finally:
            watchers.discard(subscription)
            if not watchers:
                self._watchers.pop(ref, None)

    def watch(self, topic: str, listener: Listener) -> Callable[[], None]:
        self._listeners.setdefault(topic, []).append(listener)

        def end() -> None:
            listeners = self._listeners.get(topic, [])
            if listener in listeners:
                listeners.remove(listener)
            if not listeners:
                self._listeners.pop(topic, None)

        return end
