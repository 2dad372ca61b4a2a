"""The simulator: time that jumps, chance that repeats, and runs that end."""

import asyncio
from datetime import timedelta

import pytest

from actors.simulation import (
    EPOCH,
    SimulatedClock,
    SimulatedLoop,
    SimulationError,
    room,
    simulate,
)


async def crowd() -> list[int]:
    """The order in which eight tasks of equal rights come through."""
    arrived: list[int] = []

    async def arrive(number: int) -> None:
        await asyncio.sleep(0)
        arrived.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(arrive(number))
    return arrived


def test_an_hour_passes_at_once() -> None:
    async def wait() -> timedelta:
        clock = SimulatedClock()
        await clock.sleep(3600)
        return clock.now() - EPOCH

    assert simulate(wait, seed=1) == timedelta(hours=1)


def test_timers_ring_in_the_order_of_their_times_whatever_the_seed() -> None:
    async def wait() -> list[int]:
        rung: list[int] = []

        async def ring(after: int) -> None:
            await asyncio.sleep(after)
            rung.append(after)

        await asyncio.gather(*(ring(after) for after in (3, 1, 2)))
        return rung

    assert [simulate(wait, seed) for seed in range(20)] == [[1, 2, 3]] * 20


def test_the_same_seed_gives_the_same_order_and_other_seeds_give_others() -> None:
    orders = [simulate(crowd, seed) for seed in range(10)]
    assert [simulate(crowd, seed) for seed in range(10)] == orders
    assert len({tuple(order) for order in orders}) > 5


def test_a_failing_run_names_its_seed() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        simulate(fail, seed=4711)
    assert caught.value.__notes__ == ["in the simulation with seed 4711"]


def test_a_run_in_which_everybody_waits_ends_with_an_error() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(SimulationError, match="everybody waits"):
        simulate(wait, seed=1)


def test_a_run_in_which_time_stands_still_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110 - to wait for nothing is the point
            await asyncio.sleep(0)

    monkeypatch.setattr("actors.simulation.STEPS_MAX", 1000)
    with pytest.raises(SimulationError, match="no end in sight"):
        simulate(spin, seed=1)


def test_an_error_in_a_callback_is_not_lost() -> None:
    async def scenario() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await asyncio.sleep(1)

    with pytest.raises(ZeroDivisionError):
        simulate(scenario, seed=1)


def test_a_cancelled_timer_does_not_ring_and_does_not_move_the_time() -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        rung: list[int] = []
        loop.call_later(10, rung.append, 10).cancel()
        async with asyncio.timeout(20):
            await asyncio.sleep(5)
        assert rung == []
        return loop.time()

    assert simulate(scenario, seed=1) == 5


def test_threads_are_refused() -> None:
    async def scenario() -> None:
        await asyncio.to_thread(print)

    with pytest.raises(SimulationError, match="no threads"):
        simulate(scenario, seed=1)


def test_tasks_that_are_left_behind_are_cancelled() -> None:
    ended: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("cancelled")

    async def scenario() -> float:
        lingering = asyncio.get_running_loop().create_task(linger())
        await asyncio.sleep(1)
        assert not lingering.done()
        return asyncio.get_running_loop().time()

    assert simulate(scenario, seed=1) == 1
    assert ended == ["cancelled"]


def test_a_room_that_is_paused_stands_still_while_time_goes_on_for_others() -> None:
    ticks: list[tuple[str, float]] = []

    async def tick(name: str) -> None:
        room.set(name)
        for _ in range(3):
            await asyncio.sleep(1)
            ticks.append((name, asyncio.get_running_loop().time()))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        async with asyncio.TaskGroup() as group:
            group.create_task(tick("paused"))
            group.create_task(tick("other"))
            await asyncio.sleep(1.5)
            loop.pause("paused")
            await asyncio.sleep(10)
            loop.resume("paused")

    simulate(scenario, seed=1)
    assert [at for name, at in ticks if name == "other"] == [1, 2, 3]
    # What was due in the meantime comes at once when it goes on, and the rest takes its time.
    assert [at for name, at in ticks if name == "paused"] == [1, 11.5, 12.5]
