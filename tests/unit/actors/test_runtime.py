"""A node from start to drain: who is resident, what is finished, what is left to the next."""

import asyncio

import pytest

from actors import UnavailableError
from actors import directory as directories
from actors.runtime import DRAIN_SECONDS
from tests.support.counter import Add, Look, Remind, Send, counter
from tests.support.simulated import counters, database, prepared, simulated


@simulated()
async def test_an_idle_actor_is_let_go_and_comes_back_with_its_state() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=4))
        assert counter("a") in node.runtime.resident
        await node.clock.sleep(directories.IDLE_SECONDS + directories.SWEEP_SECONDS)
        assert not node.runtime.resident
        assert await node.ask("a", Look()) == 4


@simulated()
async def test_an_actor_that_is_used_stays() -> None:
    async with counters() as node:
        for _ in range(20):
            await node.ask("a", Add())
            await node.clock.sleep(10)
        assert node.store.loads == [1]


@simulated()
async def test_too_many_residents_are_reduced_and_the_last_used_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(directories, "RESIDENT_MAX", 3)
    async with counters() as node:
        for number in range(8):
            await node.ask(str(number), Add())
            await node.clock.sleep(0.1)
        await node.ask("2", Look())
        await node.clock.sleep(directories.SWEEP_SECONDS)
        assert set(node.runtime.resident) == {counter("2"), counter("6"), counter("7")}


@simulated()
async def test_a_sleeping_actors_timer_wakes_it() -> None:
    async with counters() as node:
        await node.ask("a", Remind(seconds=600))
        await node.clock.sleep(599)
        assert not node.runtime.resident
        await node.clock.sleep(1.1)
        assert node.total("a") == 1


@simulated()
async def test_many_asks_for_one_sleeper_load_it_once() -> None:
    async with counters() as node:
        node.store.latency = lambda: 0.01
        await asyncio.gather(*(node.ask("a", Add()) for _ in range(20)))
        assert node.store.loads == [1]


@simulated()
async def test_a_fresh_actor_is_activated_without_a_read() -> None:
    async with counters() as node:
        assert await node.ask("a", Add(amount=2), fresh=True) == 2
        assert node.store.loads == []


@simulated()
async def test_an_actor_that_was_wrongly_called_fresh_loses_nothing() -> None:
    data = database()
    async with counters(data) as node:
        await node.ask("a", Add(amount=2))
    async with counters(data) as node:
        assert await node.ask("a", Add(amount=2), fresh=True) == 4


@simulated(seeds=20)
async def test_stop_finishes_what_runs_and_takes_nothing_new() -> None:
    data = database()
    node = prepared(data)
    node.store.latency = lambda: 0.05
    await node.runtime.start()
    asks = [asyncio.ensure_future(node.ask("a", Add())) for _ in range(10)]  # noqa: TID251
    await node.clock.sleep(0.01)
    stopping = asyncio.ensure_future(node.runtime.stop())  # noqa: TID251
    await node.clock.sleep(0.01)
    with pytest.raises(UnavailableError) as caught:
        await node.ask("a", Add())
    assert caught.value.executed == "no"
    await stopping
    assert sorted(await asyncio.gather(*asks)) == list(range(1, 11))


@simulated()
async def test_what_was_told_last_is_left_to_the_next_node() -> None:
    data = database()
    async with counters(data) as node:
        await node.ask("a", Send(to="b"))
    async with counters(data) as node:
        await node.clock.sleep(2)
        assert node.total("b") == 1


@simulated()
async def test_everybody_who_still_waits_when_the_time_is_up_is_told() -> None:
    node = prepared()
    await node.runtime.start()
    node.store.latency = lambda: 3600.0
    asks = [
        asyncio.ensure_future(node.ask("a", Add(), timeout=9999.0))  # noqa: TID251
        for _ in range(3)
    ]
    await node.clock.sleep(1)
    node.store.latency = lambda: 0.0
    before = node.clock.monotonic()
    await node.runtime.stop()
    assert node.clock.monotonic() - before <= DRAIN_SECONDS + 1
    for found in await asyncio.gather(*asks, return_exceptions=True):
        assert isinstance(found, UnavailableError)
        assert found.executed == "maybe"


@simulated()
async def test_a_node_without_its_store_stops_all_the_same() -> None:
    node = prepared()
    await node.runtime.start()
    node.store.is_reachable = False
    await node.runtime.stop()


@simulated()
async def test_a_message_told_before_the_start_is_handled_after_it() -> None:
    node = prepared()
    await node.tell("a", Add())
    await node.runtime.start()
    await node.clock.sleep(0.1)
    assert node.total("a") == 1
    await node.runtime.stop()


@simulated()
async def test_nothing_is_asked_of_a_node_that_has_not_started() -> None:
    node = prepared()
    with pytest.raises(UnavailableError):
        await node.ask("a", Add())


@simulated()
async def test_a_node_that_was_declared_dead_gives_up() -> None:
    async with counters() as node:
        await node.ask("a", Add())
        del node.store.database.members[node.store.node]
        await asyncio.wait_for(node.runtime.failed.wait(), 5)
        assert not node.runtime.is_ready
        with pytest.raises(UnavailableError):
            await node.ask("a", Add())


@simulated()
async def test_a_crashed_nodes_work_is_taken_up_by_the_next() -> None:
    data = database()
    first = prepared(data)
    await first.runtime.start()
    await first.ask("a", Remind(seconds=3))
    await first.ask("a", Send(to="b", amount=5))
    await first.runtime.abandon()
    del data.members[first.store.node]
    async with counters(data) as second:
        await second.clock.sleep(5)
        assert (second.total("a"), second.total("b")) == (-4, 5)
