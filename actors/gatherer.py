"""Many small reads as few large ones.

Whoever wants something is served by the next read; while one is running, and for a moment after,
the wishes for the next one gather. So a lone wish is read at once, and under load one round trip
serves many: waking the database costs more than what it is asked. A wish never joins a read that
has begun: what it gets is never older than the wish.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from actors.clock import Clock
from actors.errors import ActorError
from actors.tasks import Tasks

__all__ = ["Gatherer"]

K = TypeVar("K")
V = TypeVar("V")

# One read carries so many keys; the rest goes into the next. A bound on the size of one answer.
KEYS_MAX = 1000

# Reads begin at least this far apart. Nobody notices three milliseconds, and a machine under load
# then does a few hundred reads a second instead of thousands.
PACE_SECONDS = 0.003


class Gatherer(Generic[K, V]):
    """Reads with *read*, which gives a value for those keys that have one."""

    def __init__(
        self, read: Callable[[list[K]], Awaitable[Mapping[K, V]]], tasks: Tasks, clock: Clock
    ) -> None:
        self._read = read
        self._tasks = tasks
        self._clock = clock
        self._wanted: dict[K, list[asyncio.Future[V | None]]] = {}
        self._is_reading = False

    async def get(self, key: K) -> V | None:
        """The value of *key*, or None; raises what the read raised."""
        # Each has a future of its own, because one who gives up takes theirs along.
        future: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._wanted.setdefault(key, []).append(future)
        if not self._is_reading:
            self._is_reading = True
            self._tasks.start(self._read_all(), "gathered reads")
        return await future

    async def _read_all(self) -> None:
        while self._wanted:
            begun = self._clock.monotonic()
            keys = list(self._wanted)[:KEYS_MAX]
            wishes = {key: self._wanted.pop(key) for key in keys}
            await self._serve(wishes)
            pause = begun + PACE_SECONDS - self._clock.monotonic()
            if pause > 0:
                await self._clock.sleep(pause)
        self._is_reading = False

    async def _serve(self, wishes: dict[K, list["asyncio.Future[V | None]"]]) -> None:
        try:
            found = await self._read(list(wishes))
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            if len(wishes) > 1 and not isinstance(error, ActorError):
                for key, futures in wishes.items():  # One that cannot be read fails alone.
                    await self._serve({key: futures})
                return
            for future in _waiting(wishes.values()):
                future.set_exception(error)
        else:
            for key, futures in wishes.items():
                value = found.get(key)
                for future in _waiting([futures]):
                    future.set_result(value)


def _waiting(several: Iterable[list["asyncio.Future[V]"]]) -> Iterator["asyncio.Future[V]"]:
    """Those of *several* that somebody still waits for."""
    return (future for futures in several for future in futures if not future.done())
