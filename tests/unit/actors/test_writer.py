"""Group commit: what shares a batch, what waits for the next, and what one bad turn costs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors import CommitRefusedError, UnavailableError
from actors.memory import Fault
from actors.simulation import SimulatedClock
from actors.store import Commit, Outcome
from actors.tasks import Tasks
from actors.telemetry import Telemetry
from actors.writer import BATCH_TURNS_MAX, Writer
from tests.support.counter import counter
from tests.support.simulated import CountingStore, simulated
from tests.support.stores import Maker, MemoryWorld

COMMITTED, STALE, FENCED = Outcome.COMMITTED, Outcome.STALE, Outcome.FENCED


class Desk:
    """A writer that runs, on a world of its own."""

    def __init__(self, world: MemoryWorld, writer: Writer, telemetry: Telemetry) -> None:
        self.world = world
        self.store = world.store
        self.writer = writer
        self.make = Maker(world)
        self.telemetry = telemetry

    async def submit(self, *commits: Commit) -> list[Outcome | Exception]:
        """What becomes of *commits* that are submitted together."""
        futures = [self.writer.submit(commit) for commit in commits]
        done = await asyncio.gather(*futures, return_exceptions=True)
        return [each for each in done if isinstance(each, (Outcome, Exception))]


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    clock, telemetry = SimulatedClock(), Telemetry()
    world = MemoryWorld(clock, CountingStore)
    await world.open()
    writer = Writer(world.store, clock, telemetry)
    failed: list[BaseException] = []
    tasks = Tasks(lambda _name, error: failed.append(error))
    tasks.start(writer.run(), "writer")
    yield Desk(world, writer, telemetry)
    await tasks.stop()
    assert failed == []


@simulated()
async def test_while_one_batch_is_in_flight_the_next_one_fills() -> None:
    async with desk() as it:
        it.store.latency = lambda: 0.01
        first = it.writer.submit(it.make.commit("first"))
        await asyncio.sleep(0.005)
        others = [it.writer.submit(it.make.commit(str(number))) for number in range(40)]
        assert await asyncio.gather(first, *others) == [COMMITTED] * 41
        assert it.store.batches == [1, 40]
        assert it.store.under_way_max == 1


@simulated()
async def test_a_lone_turn_is_written_at_once() -> None:
    async with desk() as it:
        assert await it.submit(it.make.commit("a")) == [COMMITTED]
        assert asyncio.get_running_loop().time() == 0


@simulated(seeds=1)
async def test_a_batch_has_a_bound() -> None:
    async with desk() as it:
        commits = [it.make.commit(str(number)) for number in range(BATCH_TURNS_MAX + 1)]
        assert await it.submit(*commits) == [COMMITTED] * len(commits)
        assert it.store.batches == [BATCH_TURNS_MAX, 1]


@simulated()
async def test_each_turn_hears_its_own_outcome() -> None:
    async with desk() as it:
        await it.submit(it.make.commit("stale"))
        fenced = it.make.commit("fenced")
        await it.world.give_away(fenced.partition)
        outcomes = await it.submit(it.make.commit("stale"), it.make.commit("b"), fenced)
        assert outcomes == [STALE, COMMITTED, FENCED]


@simulated(seeds=2)
@pytest.mark.parametrize("place", [0, 1, 31, 63])
async def test_a_bad_turn_in_a_batch_of_64_fails_alone(place: int) -> None:
    async with desk() as it:
        it.world.refuse(str(place))
        outcomes = await it.submit(*(it.make.commit(str(number)) for number in range(64)))
        assert isinstance(outcomes[place], CommitRefusedError)
        assert outcomes.count(COMMITTED) == 63
        assert len(it.world.database.states) == 63
        assert len(it.store.batches) <= 13  # 64, then two halves seven times less the good ones.


@simulated()
async def test_two_bad_turns_fail_and_nobody_else() -> None:
    async with desk() as it:
        it.world.refuse("3")
        it.world.refuse("4")
        outcomes = await it.submit(*(it.make.commit(str(number)) for number in range(8)))
        assert [isinstance(each, CommitRefusedError) for each in outcomes] == [
            number in {3, 4} for number in range(8)
        ]


@simulated()
async def test_a_commit_whose_answer_was_lost_counts_as_committed() -> None:
    async with desk() as it:
        it.store.faults.append(Fault.LOSE_ANSWER)
        assert await it.submit(it.make.commit("a"), it.make.commit("b")) == [COMMITTED] * 2
        assert it.writer.is_available
        assert len(it.store.batches) == 1


@simulated()
async def test_a_commit_that_did_not_happen_fails_and_says_so() -> None:
    async with desk() as it:
        it.store.faults.append(Fault.FAIL)
        (error,) = await it.submit(it.make.commit("a"))
        assert isinstance(error, UnavailableError)
        assert error.executed == "no"
        assert await it.submit(it.make.commit("a")) == [COMMITTED]


@simulated()
async def test_a_batch_that_won_in_part_before_its_answer_was_lost_is_told_apart() -> None:
    async with desk() as it:
        it.store.faults.append(Fault.LOSE_ANSWER)
        won, lost = await it.submit(it.make.commit("a"), it.make.commit("b", expected=4))
        assert won is COMMITTED
        assert isinstance(lost, UnavailableError)


@simulated()
async def test_nothing_is_written_before_an_unknown_outcome_is_known() -> None:
    async with desk() as it:
        it.store.latency = lambda: 1.0
        it.store.faults.append(Fault.LOSE_ANSWER)
        first = it.writer.submit(it.make.commit("a"))
        await asyncio.sleep(0.5)
        it.store.is_reachable = False
        await asyncio.sleep(3)
        second = it.writer.submit(it.make.commit("b"))
        await asyncio.sleep(3)
        assert not first.done()
        assert not second.done()
        assert not it.writer.is_available
        assert it.store.batches == [1]
        it.store.is_reachable = True
        assert await asyncio.gather(first, second) == [COMMITTED, COMMITTED]
        assert it.writer.is_available


@simulated()
async def test_an_outage_in_the_middle_of_halving_loses_nobody() -> None:
    async with desk() as it:
        it.world.refuse("2")
        it.store.faults.extend([None, Fault.LOSE_ANSWER, Fault.FAIL])
        outcomes = await it.submit(*(it.make.commit(str(number)) for number in range(4)))
        states = it.world.database.states
        for number, outcome in enumerate(outcomes):
            assert (outcome is COMMITTED) == (counter(str(number)) in states)


@simulated()
async def test_two_turns_that_touch_one_named_message_do_not_share_a_batch() -> None:
    async with desk() as it:
        timer = it.make.row("a", name="tick")
        await it.store.send([timer])
        cancels = it.make.commit("a", cancels=["tick"])
        tells = it.make.commit("b", sends=[it.make.row("a", name="tick")])
        other = it.make.commit("c")
        assert await it.submit(cancels, tells, other) == [COMMITTED] * 3
        assert it.store.batches == [1, 2]


@simulated()
async def test_a_turn_that_consumes_what_another_replaces_keeps_its_place() -> None:
    async with desk() as it:
        timer = it.make.row("a", name="tick")
        await it.store.send([timer])
        replaces = it.make.commit("b", sends=[it.make.row("a", name="tick")])
        consumes = it.make.commit("a", consumed=timer)
        assert await it.submit(replaces, consumes) == [COMMITTED, STALE]
        assert it.store.batches == [1, 1]


@simulated()
async def test_a_turn_nobody_waits_for_any_more_is_written_all_the_same() -> None:
    async with desk() as it:
        it.writer.submit(it.make.commit("a")).cancel()
        await it.writer.drained()
        assert counter("a") in it.world.database.states


@simulated()
async def test_drained_means_that_nothing_waits_to_be_written() -> None:
    async with desk() as it:
        it.store.latency = lambda: 0.01
        futures = [it.writer.submit(it.make.commit(str(number))) for number in range(600)]
        await it.writer.drained()
        assert all(future.done() for future in futures)
