"""Several nodes on one database and one line: who owns what, who is asked, and what faults do."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random

import pytest

from actors import ActorError, StoreUnavailableError, UnavailableError
from actors.errors import ExpiredError, HeldError
from actors.placement import SLOTS
from tests.support.counter import (
    CRASH,
    LIMIT,
    SERVICES,
    Add,
    LimitError,
    Look,
    Remind,
    Send,
    counter,
)
from tests.support.simulated import simulated
from tests.support.simulated_cluster import TIMING, Cluster, cluster

KEYS = [f"key-{number}" for number in range(24)]
ALL = len(SERVICES) * SLOTS


@simulated()
async def test_everybody_owns_a_share_and_answers_for_all() -> None:
    async with cluster(3) as it:
        shares = [it.owned(node) for node in it.nodes]
        assert sum(map(len, shares)) == ALL
        assert all(len(share) > ALL / 6 for share in shares)
        for node in it.nodes:
            for key in KEYS:
                await node.ask(key, Add())
        assert [await it.nodes[0].ask(key, Look()) for key in KEYS] == [3] * len(KEYS)


@simulated()
async def test_each_actor_lives_on_one_node_only() -> None:
    async with cluster(3) as it:
        for node in it.nodes:
            await asyncio.gather(*(node.ask(key, Look()) for key in KEYS), return_exceptions=True)
            await asyncio.gather(*(node.ask(key, Add()) for key in KEYS))
        resident = [ref for node in it.nodes for ref in node.runtime.resident]
        assert sorted(resident) == sorted(map(counter, KEYS))


@simulated()
async def test_a_refusal_is_the_same_from_far_away() -> None:
    async with cluster() as it:
        for node in it.nodes:
            for key in KEYS[:6]:
                with pytest.raises(LimitError, match="too much"):
                    await node.ask(key, Add(amount=LIMIT + 1))


@simulated()
async def test_a_killed_nodes_share_is_taken_over_when_its_lease_has_ended() -> None:
    async with cluster(3) as it:
        for key in KEYS:
            await it.nodes[0].ask(key, Add())
        victim, others = it.nodes[2], it.nodes[:2]
        await it.kill(victim)
        began = it.clock.monotonic()
        totals = await asyncio.gather(*(others[0].ask(key, Add(), timeout=20) for key in KEYS))
        assert totals == [2] * len(KEYS)
        assert it.clock.monotonic() - began <= TIMING.lease + 1
        await it.settle()
        assert it.owned(victim) == set()
        assert len(it.owned(others[0]) | it.owned(others[1])) == ALL


@simulated()
async def test_what_was_due_at_a_killed_node_is_on_time_or_as_late_as_the_take_over() -> None:
    async with cluster(2) as it:
        for key in KEYS:
            await it.nodes[0].ask(key, Remind(seconds=3))
        await it.kill(it.nodes[1])
        await it.clock.sleep(TIMING.lease + 2)
        assert [await it.nodes[0].ask(key, Look()) for key in KEYS] == [1] * len(KEYS)


@simulated()
async def test_a_node_that_leaves_hands_over_and_nobody_fails() -> None:
    async with cluster(2) as it:
        leaving, staying = it.nodes
        worst = 0.0

        async def ask(key: str) -> None:
            nonlocal worst
            began = it.clock.monotonic()
            await staying.ask(key, Add())
            worst = max(worst, it.clock.monotonic() - began)

        async with asyncio.TaskGroup() as group:
            going = group.create_task(it.end(leaving))
            while not going.done():
                await asyncio.gather(*map(ask, KEYS))
                await it.clock.sleep(0.01)
        assert worst <= 0.5
        assert len(it.owned(staying)) == ALL
        rounds = {await staying.ask(key, Look()) for key in KEYS}
        assert len(rounds) == 1  # No answer was lost, and none was given twice.


@simulated()
async def test_who_joins_gets_a_share_and_finds_what_was_there() -> None:
    async with cluster(1) as it:
        for key in KEYS:
            await it.nodes[0].ask(key, Add())
            await it.nodes[0].ask(key, Remind(seconds=TIMING.lease * 2))
        second = await it.begin()
        await it.settle()
        assert ALL / 4 < len(it.owned(second)) < ALL * 3 / 4
        assert [await second.ask(key, Add()) for key in KEYS] == [2] * len(KEYS)
        await it.clock.sleep(TIMING.lease * 2)
        assert [await second.ask(key, Look()) for key in KEYS] == [3] * len(KEYS)


@simulated()
async def test_who_does_not_hear_that_it_has_handed_over_answers_nothing_from_memory() -> None:
    async with cluster(1) as it:
        (first,) = it.nodes
        for key in KEYS:
            await first.ask(key, Add())
        hand_over = first.store.hand_over

        async def does_it_and_is_cut_off(moves: Mapping[int, str]) -> dict[int, int]:
            await hand_over(moves)
            first.store.is_reachable = False
            raise StoreUnavailableError

        first.store.hand_over = does_it_and_is_cut_off  # type: ignore[method-assign]
        second = await it.begin()
        await until(it, lambda: bool(it.owned(second)))
        await it.clock.sleep(1.0)
        moved = [key for key in KEYS if it.owner(key) is second]
        assert {await second.ask(key, Add()) for key in moved} == {2}
        assert {first.runtime.peek(counter(key)) for key in moved} == {None}
        asked = (first.ask(key, Look(), timeout=0.3) for key in moved)  # Within its lease.
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(each) for each in answers} == {UnavailableError}
        first.store.hand_over = hand_over  # type: ignore[method-assign]
        first.store.is_reachable = True
        await it.settle()
        assert [await first.ask(key, Add()) for key in KEYS] == [2 + (key in moved) for key in KEYS]


@simulated()
async def test_what_could_not_be_handed_over_stays_with_its_reminders() -> None:
    async with cluster(1) as it:
        (first,) = it.nodes
        for key in KEYS:
            await first.ask(key, Remind(seconds=TIMING.lease * 2))
        hand_over, failed = first.store.hand_over, asyncio.Event()

        async def fails_and_its_heir_dies(_moves: Mapping[int, str]) -> dict[int, int]:
            first.store.hand_over = hand_over  # type: ignore[method-assign]
            await it.kill(it.nodes[1])
            failed.set()
            raise StoreUnavailableError

        first.store.hand_over = fails_and_its_heir_dies  # type: ignore[method-assign]
        await it.begin()
        await failed.wait()
        await it.clock.sleep(TIMING.lease * 3)
        assert len(it.owned(first)) == ALL
        assert [await first.ask(key, Look()) for key in KEYS] == [1] * len(KEYS)


async def until(it: Cluster, condition: Callable[[], bool]) -> None:
    """Let time pass until it is so."""
    end = it.clock.monotonic() + 10 * TIMING.lease
    while not condition():
        assert it.clock.monotonic() < end
        await it.clock.sleep(0.05)


@simulated()
async def test_a_node_gets_only_what_it_runs() -> None:
    async with cluster(0) as it:
        gateway = await it.begin(())
        assert it.owned(gateway) == set()
        with pytest.raises(UnavailableError):
            await gateway.ask("a", Add(), timeout=1)
        await it.begin(("auth", "tickets", "orders"))
        assert await gateway.ask("a", Add()) == 1
        assert it.owned(gateway) == set()


@simulated(seeds=20)
async def test_every_add_counts_once_whatever_the_line_does() -> None:
    async with cluster(3) as it:
        dice = Random(it.data.owners[0].node)  # noqa: S311 - reproducible is what it has to be
        it.network.latency = lambda: dice.choice((0.0, 0.002, 0.05))
        it.network.drops = lambda _way: dice.random() < 0.1
        it.network.doubles = lambda _way: dice.random() < 0.1
        adds = [dice.choice(it.nodes).ask(dice.choice(KEYS), Add(), timeout=60) for _ in range(100)]
        await asyncio.gather(*adds)
        it.network.drops = it.network.doubles = lambda _way: False
        totals = await asyncio.gather(*(it.nodes[0].ask(key, Add(amount=0)) for key in KEYS))
        assert sum(totals) == 100


@simulated()
async def test_after_an_answer_that_got_lost_nobody_says_that_nothing_was_done() -> None:
    async with cluster(2) as it:
        owner = it.nodes[1]
        key = next(key for key in KEYS if it.owner(key) is owner)
        it.links[1].speaks = False

        async def is_in_quarantine_when_answers_come_through_again() -> None:
            held = 0.1  # Which is when the first try has been handled.
            while held < TIMING.lease:
                await it.clock.sleep(held)
                with pytest.raises(ActorError) as refused:
                    await owner.ask(key, Add(amount=CRASH))
                held = refused.value.retry_after or 0.0
            it.links[1].speaks = True

        failed, _ = await asyncio.gather(
            it.nodes[0].ask(key, Add()),
            is_in_quarantine_when_answers_come_through_again(),
            return_exceptions=True,
        )
        assert isinstance(failed, HeldError)
        assert failed.executed == "maybe"
        assert owner.total(key) == 1


@simulated()
async def test_a_message_told_across_nodes_arrives_though_its_bell_is_lost() -> None:
    async with cluster(2) as it:
        it.network.drops = lambda _way: True
        here = next(key for key in KEYS if it.owner(key) is it.nodes[0])
        there = next(key for key in KEYS if it.owner(key) is it.nodes[1])
        await it.nodes[0].ask(here, Send(to=there, amount=5))
        await it.clock.sleep(1.5)
        assert it.nodes[1].total(there) == 5


@simulated()
async def test_the_bell_makes_a_message_arrive_at_once() -> None:
    async with cluster(2) as it:
        here = next(key for key in KEYS if it.owner(key) is it.nodes[0])
        there = next(key for key in KEYS if it.owner(key) is it.nodes[1])
        await it.nodes[0].ask(here, Send(to=there, amount=5))
        await it.clock.sleep(0.1)
        assert it.nodes[1].total(there) == 5


@simulated()
async def test_who_cannot_renew_its_lease_answers_nothing_from_memory() -> None:
    async with cluster(2) as it:
        key = next(key for key in KEYS if it.owner(key) is it.nodes[1])
        paused = it.nodes[1]
        await paused.ask(key, Add())
        paused.store.is_reachable = False
        await it.clock.sleep(TIMING.lease - TIMING.margin + 0.1)
        assert paused.runtime.peek(counter(key)) is None
        with pytest.raises(UnavailableError):
            await paused.ask(key, Look(), timeout=0.3)
        assert await it.nodes[0].ask(key, Add(), timeout=20) == 2


@simulated()
async def test_a_node_that_wakes_up_after_its_successor_wrote_knows_nothing_any_more() -> None:
    async with cluster(2) as it:
        key = next(key for key in KEYS if it.owner(key) is it.nodes[1])
        zombie = it.nodes[1]
        await zombie.ask(key, Add())
        zombie.store.is_reachable = False
        assert await it.nodes[0].ask(key, Add(amount=10), timeout=20) == 11
        zombie.store.is_reachable = True
        await it.clock.sleep(TIMING.heartbeat + 0.1)
        assert zombie.runtime.failed.is_set()
        with pytest.raises(UnavailableError):
            await zombie.ask(key, Look())


@simulated()
async def test_an_ask_that_was_longer_under_way_than_its_asker_waits_is_not_done() -> None:
    async with cluster(2) as it:
        key = next(key for key in KEYS if it.owner(key) is it.nodes[1])
        await it.nodes[1].ask(key, Add())
        it.network.latency = lambda: 4.0
        with pytest.raises(ExpiredError) as given_up:
            await it.nodes[0].ask(key, Add(), timeout=0.5)
        assert given_up.value.executed == "maybe"
        it.network.latency = lambda: 0.0
        await it.clock.sleep(10)
        assert await it.nodes[1].ask(key, Look()) == 1


@simulated()
async def test_after_a_restart_of_the_database_all_is_read_anew() -> None:
    async with cluster(1) as it:
        (node,) = it.nodes
        await node.ask("a", Add())
        it.data.incarnation = "2"
        await it.clock.sleep(TIMING.heartbeat + 0.1)
        assert not node.runtime.resident
        assert await node.ask("a", Add()) == 2
