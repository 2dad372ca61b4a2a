"""Who hears of what has been committed.

After each commit the node publishes the change; whoever watches that actor gets it. A watcher that
falls behind keeps the newest change only, because a state says everything the ones before it said.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

from actors.message import State
from actors.ref import Ref

__all__ = ["Bus", "Change", "LocalBus", "Subscription"]


class Change(NamedTuple):
    """A committed state; `version` rises by one with each."""

    kind: str
    key: str
    version: int
    state: State


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


class LocalBus:
    """The bus of a single process."""

    def __init__(self) -> None:
        self._watchers: dict[Ref, set[Subscription]] = {}

    def publish(self, change: Change) -> None:
        for watcher in self._watchers.get(Ref(change.kind, change.key), ()):
            watcher.offer(change)

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
