"""Which node owns a partition, as far as this one knows.

Read from the store, and corrected by what nodes announce. Wrong for a moment now and then, and that
costs a detour and nothing else: whoever is asked answers only for what it owns.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from actors.clock import Clock
from actors.errors import UnavailableError
from actors.store import Owner

__all__ = ["Routes"]

# A crowd that finds nobody at home looks into the table together, not one after the other.
REFRESH_SECONDS = 0.05


class Routes:
    """The owners of all partitions. *read* asks the store for them."""

    def __init__(self, clock: Clock, read: Callable[[], Awaitable[Mapping[int, Owner]]]) -> None:
        self._clock = clock
        self._read = read
        self._owners: dict[int, Owner] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    def owner(self, partition: int) -> Owner | None:
        """Who owns *partition*, if anybody is known to."""
        return self._owners.get(partition)

    def learn(self, owners: Mapping[int, Owner]) -> None:
        """Take in what is newer than what is known."""
        for partition, owner in owners.items():
            known = self._owners.get(partition)
            if known is None or known.epoch <= owner.epoch:
                self._owners[partition] = owner

    async def refresh(self) -> None:
        """Have been read within the last moment; what the store cannot tell stays as it is."""
        asked_at = self._clock.monotonic()
        async with self._reading:
            if self._read_at >= asked_at - REFRESH_SECONDS:
                return
            read_at = self._clock.monotonic()
            try:
                self.learn(await self._read())
            except UnavailableError:
                return
            self._read_at = read_at
