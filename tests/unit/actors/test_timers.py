"""Durable messages in memory: never early, never twice, never lost, and found without a bell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import msgspec

from actors.simulation import SimulatedClock
from actors.store import InboxRow
from actors.tasks import Tasks
from actors.telemetry import Telemetry
from actors.timers import PAGE_ROWS, Timers
from tests.support.counter import counter
from tests.support.simulated import CountingStore, simulated
from tests.support.stores import Maker, MemoryWorld

HOUR = timedelta(hours=1)


class SettableClock(SimulatedClock):
    """Can be set ahead, as if more time had passed than anybody slept."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Watch:
    """Timers that run, and what they delivered when."""

    def __init__(self, world: MemoryWorld) -> None:
        self.clock = SettableClock()
        self.store = world.store
        self.database = world.database
        self.delivered: list[tuple[float, str]] = []
        self.timers = Timers(self.store, self.clock, Telemetry(), self._deliver)
        self.horizon_at_start: datetime | None = None
        self._make = Maker(world)

    def _deliver(self, row: InboxRow) -> None:
        assert self.clock.now() >= row.due_at, "early"
        self.delivered.append((round(self.clock.monotonic(), 3), row.id))

    def row(self, key: str, seconds: float, name: str | None = None) -> InboxRow:
        """A message due *seconds* from now."""
        made = self._make.row(key, name=name)
        return msgspec.structs.replace(made, due_at=self.clock.now() + timedelta(seconds=seconds))

    async def set(self, row: InboxRow) -> InboxRow:
        """As a committed turn does it: into the table, then ring the bell."""
        with self.timers.writing([row]):
            await self.store.send([row])
        self.timers.add(row)
        return row

    def consume(self, row: InboxRow) -> None:
        """As a committed turn does it."""
        del self.database.inbox[row.id]
        self.timers.finished(row)


@asynccontextmanager
async def watch(*rows_before: float) -> AsyncIterator[Watch]:
    """Timers that run; *rows_before* are due so many seconds after the start."""
    clock = SimulatedClock()
    world = MemoryWorld(clock, CountingStore)
    await world.open()
    it = Watch(world)
    await it.store.send([it.row(str(seconds), seconds) for seconds in rows_before])
    await it.timers.load()
    it.horizon_at_start = it.timers._horizon
    failed: list[BaseException] = []
    tasks = Tasks(lambda _name, error: failed.append(error))
    tasks.start(it.timers.run(), "timers")
    tasks.start(it.timers.keep_loaded(), "loader")
    yield it
    await tasks.stop()
    assert failed == []


def times(it: Watch) -> list[float]:
    return [at for at, _ in it.delivered]


@simulated()
async def test_what_is_due_is_delivered_at_its_time_to_the_millisecond() -> None:
    async with watch() as it:
        for seconds in (3.25, 1.5, 7.125, 1.5):
            await it.set(it.row("a", seconds))
        await it.clock.sleep(10)
        assert times(it) == [1.5, 1.5, 3.25, 7.125]


@simulated()
async def test_a_message_due_now_is_delivered_at_once() -> None:
    async with watch() as it:
        await it.set(it.row("a", 0))
        assert times(it) == [0]


@simulated()
async def test_what_was_in_the_table_before_is_known_from_the_start() -> None:
    async with watch(-5, 0.5, 42.75, 59.5) as it:
        assert times(it) == [0]
        await it.clock.sleep(100)
        assert times(it) == [0, 0.5, 42.75, 59.5]


@simulated()
async def test_what_is_due_beyond_the_window_is_on_time_too() -> None:
    late = [60.25, 79.75, 80.0, 80.125, 100.5, 599.375]
    async with watch(*late) as it:
        await it.clock.sleep(700)
        assert times(it) == late


@simulated()
async def test_what_is_set_far_ahead_is_left_to_the_table_and_on_time() -> None:
    async with watch() as it:
        await it.clock.sleep(7)
        await it.set(it.row("a", 900.5))
        assert len(it.timers._waiting) == 0
        await it.clock.sleep(1000)
        assert times(it) == [907.5]


@simulated()
async def test_more_than_a_page_is_loaded_page_by_page() -> None:
    async with watch(*([10.5] * (PAGE_ROWS + 5))) as it:
        await it.clock.sleep(11)
        assert times(it) == [10.5] * (PAGE_ROWS + 5)
        assert len({row_id for _, row_id in it.delivered}) == PAGE_ROWS + 5


@simulated()
async def test_a_timer_set_anew_rings_at_its_new_time_only() -> None:
    async with watch() as it:
        await it.set(it.row("a", 5, "tick"))
        await it.set(it.row("b", 6, "tick"))
        later = await it.set(it.row("a", 9, "tick"))
        await it.clock.sleep(20)
        assert times(it) == [6, 9]
        assert it.delivered[-1][1] == later.id
        sooner = await it.set(it.row("c", 100, "tick"))
        sooner = await it.set(it.row("c", 1, "tick"))
        await it.clock.sleep(200)
        assert it.delivered[2:] == [(21, sooner.id)]


@simulated()
async def test_a_cancelled_timer_does_not_ring() -> None:
    async with watch() as it:
        row = await it.set(it.row("a", 5, "tick"))
        it.database.drop_named(row.ref, "tick")
        it.timers.forget(row.ref, "tick")
        await it.clock.sleep(10)
        assert it.delivered == []


@simulated()
async def test_a_message_without_a_bell_is_found_within_about_a_second() -> None:
    async with watch() as it:
        await it.clock.sleep(4.5)
        await it.store.send([it.row("a", 0)])
        await it.clock.sleep(2)
        (at,) = times(it)
        assert 4.5 <= at <= 5.75


@simulated()
async def test_what_is_in_flight_is_not_delivered_again() -> None:
    async with watch() as it:
        row = await it.set(it.row("a", 1))
        await it.clock.sleep(30)
        assert times(it) == [1]
        it.consume(row)
        await it.clock.sleep(30)
        assert times(it) == [1]


@simulated()
async def test_what_the_sweep_reads_before_its_bell_rings_is_delivered_once() -> None:
    async with watch() as it:
        row = it.row("a", 0)
        with it.timers.writing([row]):
            await it.store.send([row])
            await it.clock.sleep(5)
        it.timers.add(row)
        await it.clock.sleep(5)
        assert times(it) == [5]


@simulated(seeds=20)
async def test_what_is_consumed_while_it_is_being_read_is_not_delivered_again() -> None:
    async with watch() as it:
        it.store.latency = lambda: 0.25  # A sweep begins at 1 s, reads at 1.25 and ends at 1.5.
        row = await it.set(it.row("a", 0))
        await it.clock.sleep(1.375 - it.clock.monotonic())
        it.consume(row)
        await it.clock.sleep(5)
        assert len(it.delivered) == 1


@simulated(seeds=20)
async def test_what_is_replaced_while_it_is_being_read_does_not_oust_its_successor() -> None:
    async with watch(70.5) as it:
        (before,) = it.database.inbox.values()
        before = msgspec.structs.replace(before, name="tick")
        it.database.put(before)
        await it.clock.sleep(19.5)
        it.store.latency = lambda: 2.0  # A sweep takes from 20 to 24 s, the next load to 28.
        while it.timers._horizon == it.horizon_at_start:
            await it.clock.sleep(0.5)
        await it.clock.sleep(3)  # The page has been read and is on its way back.
        successor = msgspec.structs.replace(it.row(before.key, 0, "tick"), due_at=before.due_at)
        it.database.put(successor)
        it.timers.add(successor)
        await it.clock.sleep(100)
        assert it.delivered == [(70.5, successor.id)]


@simulated(seeds=20)
async def test_what_is_cancelled_while_it_is_being_read_does_not_ring() -> None:
    async with watch(70.5) as it:
        (before,) = it.database.inbox.values()
        before = msgspec.structs.replace(before, name="tick")
        it.database.put(before)
        await it.clock.sleep(19.5)
        it.store.latency = lambda: 2.0
        while it.timers._horizon == it.horizon_at_start:
            await it.clock.sleep(0.5)
        await it.clock.sleep(3)
        it.database.drop_named(before.ref, "tick")
        it.timers.forget(before.ref, "tick")
        await it.clock.sleep(100)
        assert it.delivered == []


@simulated()
async def test_a_window_that_could_not_be_read_is_read_again() -> None:
    async with watch(70.5, 90.5) as it:
        it.store.fails_to_look_ahead = 2
        await it.clock.sleep(100)
        assert it.store.fails_to_look_ahead == 0
        assert times(it) == [70.5, 90.5]


@simulated()
async def test_an_outage_makes_late_and_loses_nothing() -> None:
    async with watch(5) as it:
        await it.clock.sleep(1)
        it.store.is_reachable = False
        unheard = it.row("b", 3)
        it.database.put(unheard)
        await it.clock.sleep(29)
        assert times(it) == [5]
        it.store.is_reachable = True
        await it.clock.sleep(2)
        assert it.delivered[1][1] == unheard.id


@simulated()
async def test_an_actors_due_timers_are_released_ahead_of_the_sleeper() -> None:
    async with watch() as it:
        rows = [await it.set(it.row("a", seconds)) for seconds in (3, 2, 9)]
        it.timers.release(counter("a"), it.clock.now())
        it.timers.release(counter("b"), it.clock.now() + HOUR)
        assert it.delivered == []
        it.clock.ahead = 5.0
        it.timers.release(counter("a"), it.clock.now())
        assert [row_id for _, row_id in it.delivered] == [rows[1].id, rows[0].id]


@simulated()
async def test_a_postponed_message_rings_at_its_new_time_though_it_was_due_before() -> None:
    async with watch() as it:
        row = await it.set(it.row("a", 2))
        it.clock.ahead = 2.0
        it.timers.release(row.ref, it.clock.now())
        it.clock.ahead = 0.0
        postponed = msgspec.structs.replace(row, due_at=row.due_at + timedelta(seconds=5))
        it.database.inbox[row.id] = postponed
        it.timers.finished(row)
        it.timers.add(postponed)
        await it.clock.sleep(20)
        assert times(it) == [2, 7]
