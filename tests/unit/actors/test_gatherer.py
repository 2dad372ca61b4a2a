"""Many small reads are few large ones, and nobody is served what was read before they asked."""

import asyncio

import pytest

from actors import Gatherer, StoreUnavailableError
from actors.gatherer import PACE_SECONDS
from actors.simulation import SimulatedClock
from actors.tasks import Tasks
from tests.support.simulated import simulated


class Shelf:
    """Something to read from; remembers what each read asked for."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.tasks = Tasks(lambda _name, _error: None)
        self.reads: list[list[str]] = []
        self.began_at: list[float] = []
        self.gatherer = Gatherer(self.read, self.tasks, self.clock)

    async def read(self, keys: list[str]) -> dict[str, int]:
        self.reads.append(sorted(keys))
        self.began_at.append(self.clock.monotonic())
        await self.clock.sleep(0.001)
        if "outage" in keys:
            raise StoreUnavailableError
        if "broken" in keys:
            raise ValueError("broken")
        return {key: len(self.reads) for key in keys if key != "nothing"}


@simulated()
async def test_a_lone_wish_is_read_at_once() -> None:
    shelf = Shelf()
    before = shelf.clock.monotonic()
    assert await shelf.gatherer.get("a") == 1
    assert shelf.clock.monotonic() == pytest.approx(before + 0.001)
    assert await shelf.gatherer.get("nothing") is None


@simulated()
async def test_wishes_that_come_together_are_one_read() -> None:
    shelf = Shelf()
    first = asyncio.ensure_future(shelf.gatherer.get("a"))  # noqa: TID251
    await shelf.clock.sleep(0.0005)
    got = await asyncio.gather(*(shelf.gatherer.get(key) for key in ("b", "c", "b", "a")))
    assert await first == 1
    assert got == [2, 2, 2, 2]  # Also "a": what was being read then was older than the wish.
    assert shelf.reads == [["a"], ["a", "b", "c"]]


@simulated()
async def test_reads_begin_at_some_distance() -> None:
    shelf = Shelf()
    for _ in range(5):
        await shelf.gatherer.get("a")
    apart = [
        later - earlier for earlier, later in zip(shelf.began_at, shelf.began_at[1:], strict=False)
    ]
    assert min(apart) >= PACE_SECONDS - 1e-9


@simulated()
async def test_what_cannot_be_read_fails_alone_and_an_outage_fails_all() -> None:
    shelf = Shelf()
    await shelf.gatherer.get("first")  # The next read begins a moment later and gathers till then.
    got = await asyncio.gather(
        *(shelf.gatherer.get(key) for key in ("a", "broken", "b")), return_exceptions=True
    )
    assert (type(got[0]), type(got[1]), type(got[2])) == (int, ValueError, int)
    await shelf.gatherer.get("first")
    got = await asyncio.gather(
        *(shelf.gatherer.get(key) for key in ("a", "outage")), return_exceptions=True
    )
    assert [type(each) for each in got] == [StoreUnavailableError] * 2
