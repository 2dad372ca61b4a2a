"""Whoever keeps failing is left alone, actor or service; the neighbours notice nothing."""

import asyncio

import pytest

from actors import CrashedError, HeldError
from actors.gatherer import PACE_SECONDS
from tests.support.counter import CRASH, Add, Look
from tests.support.simulated import Node, counters, outcome, simulated

CRASHES = Add(amount=CRASH)


async def held_for(node: Node, key: str) -> float:
    """The seconds that *key* is going to be left alone."""
    with pytest.raises(HeldError) as caught:
        await node.ask(key, Look())
    assert caught.value.executed == "no"
    assert caught.value.retry_after is not None
    return round(caught.value.retry_after, 3)


@simulated()
async def test_an_actor_that_keeps_crashing_is_left_alone_for_longer_and_longer() -> None:
    async with counters() as node:
        await node.ask("a", Add())
        assert await outcome(node, "a", CRASHES) is CrashedError
        assert await outcome(node, "a", CRASHES) is CrashedError  # Most failures do not repeat.
        for seconds in (0.1, 0.2):
            assert await held_for(node, "a") == seconds
            await node.clock.sleep(seconds)
            assert await outcome(node, "a", CRASHES) is CrashedError
        await node.clock.sleep(0.4)
        assert await node.ask("a", Look()) == 1


@simulated()
async def test_success_forgives_what_failed_in_a_row() -> None:
    async with counters() as node:
        for _ in range(2):
            await outcome(node, "a", CRASHES)
        await node.clock.sleep(0.1)
        await node.ask("a", Add())
        assert await outcome(node, "a", CRASHES) is CrashedError
        assert await node.ask("a", Look()) == 1


@simulated()
async def test_five_crashes_a_minute_are_a_quarantine_and_one_success_ends_it() -> None:
    async with counters() as node:
        for _ in range(5):
            await node.ask("a", Add())
            assert await outcome(node, "a", CRASHES) is CrashedError
        assert await held_for(node, "a") == 60
        assert node.metric("actors_quarantined", service="tickets") == 1
        await node.clock.sleep(60)
        assert await outcome(node, "a", CRASHES) is CrashedError  # The one that is let through.
        assert await held_for(node, "a") == 60
        await node.clock.sleep(60)
        assert await node.ask("a", Look()) == 5
        assert await node.ask("a", Look()) == 5
        assert node.metric("actors_quarantined", service="tickets") == 0


@simulated()
async def test_a_crashing_actor_leaves_its_neighbours_alone() -> None:
    async with counters() as node:
        for _ in range(5):
            await outcome(node, "a", CRASHES)
        before = node.clock.monotonic()
        crashing = asyncio.gather(*(outcome(node, "a", CRASHES) for _ in range(3)))
        assert await node.ask("b", Add()) == 1
        assert node.clock.monotonic() - before <= PACE_SECONDS
        assert set(await crashing) <= {CrashedError, HeldError}


@simulated()
async def test_a_durable_message_to_an_actor_in_quarantine_waits_and_is_not_parked() -> None:
    async with counters() as node:
        for _ in range(5):
            await node.ask("a", Add())
            await outcome(node, "a", CRASHES)
        await node.tell("a", Add(amount=10))
        await node.clock.sleep(59)
        assert node.total("a") == 5
        await node.clock.sleep(120)
        assert node.total("a") == 15
        assert node.store.database.parked == {}


@simulated(seeds=2)
async def test_sixty_crashing_actors_degrade_the_service_until_it_works_again() -> None:
    async with counters() as node:
        await node.ask("good", Add())
        await asyncio.gather(*(outcome(node, f"bad {n}", CRASHES) for n in range(60)))
        assert node.runtime.health[1].is_degraded
        assert node.metric("actors_service_degraded", service="tickets") == 1
        assert await held_for(node, "good") == 1
        # A probe a second; as long as it crashes, nothing changes.
        await node.clock.sleep(1)
        assert await outcome(node, "another", CRASHES) is CrashedError
        assert await held_for(node, "good") == 1
        # The code has been mended: three probes that pass, and all is well.
        for _ in range(3):
            await node.clock.sleep(1)
            assert await node.ask("good", Look()) == 1
        assert await asyncio.gather(*(node.ask("good", Look()) for _ in range(5))) == [1] * 5
        assert node.metric("actors_service_degraded", service="tickets") == 0


@simulated()
async def test_other_services_do_not_notice() -> None:
    async with counters() as node:
        await asyncio.gather(*(outcome(node, f"bad {n}", CRASHES) for n in range(60)))
        assert [health.is_degraded for health in node.runtime.health].count(True) == 1
