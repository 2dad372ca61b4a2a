"""Who hears of what has been committed.

After each commit the node publishes the change. Whoever waits for one actor *subscribes*, and when
it falls behind keeps the newest change only, because a state says everything the ones before it
said. Whoever shows many things to many people *watches* topics: a pure function, given when the bus
is made, says which topics a change belongs to, and each listener of one of them is called with it.

A topic is a plain name, and a listener needs nothing but the topic and the state that a change
carries. So the bus between processes (in `linked_bus`) has the same face. What it adds is that
something may be missed, and that it says so: whoever shows more than the next change asks to be
called `when_lost`, and then reads anew what it knows.
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
    encoded: bytes | None = None
    """The state as it was committed, for who sends it on; None: it has to be encoded anew."""


Topics: TypeAlias = Callable[[Change], Iterable[str]]
"""The topics that a change belongs to. Pure."""

Listener: TypeAlias = Callable[[Change], None]
"""Is called with each change of a topic; returns at once.

In the order of the commits, as long as an actor stays where it is. When it moves, a change from
where it was may come after one from where it is: the versions tell.
"""


class Subscription:
    """The changes of one actor since the subscription began."""

    __slots__ = ("_arrived", "_newest")

    def __init__(self) -> None:
        self._newest: Change | None = None
        self._arrived = asyncio.Event()

    def offer(self, change: Change) -> None:
        if self._newest is None or change.version >= self._newest.version:
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

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Have *callback* called when changes may have been missed: what is known must be read."""
        ...

    def lost(self) -> None:
        """Say so: somebody who may have committed without telling has ended."""
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
            self._offer(change)
        if self._listeners:
            self._tell(change, self._topics_of(change))

    def _offer(self, change: Change) -> None:
        for watcher in self._watchers.get(Ref(change.kind, change.key), ()):
            watcher.offer(change)

    def _tell(self, change: Change, topics: Iterable[str]) -> None:
        """A listener that fails is its own affair: the commit stands, and the turn goes on."""
        for topic in topics:
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

    def when_lost(self, callback: Callable[[], None]) -> None:
        """In a process everything arrives."""

    def lost(self) -> None:
        pass
