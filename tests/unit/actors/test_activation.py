"""One live actor: what it remembers, what it forgets, and what each asker is told."""

import asyncio

import msgspec
import pytest

from actors import (
    AskId,
    AskIdReusedError,
    CrashedError,
    ExpiredError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)
from actors.memory import Fault
from actors.supervisor import ATTEMPTS_MAX
from tests.support.counter import (
    CRASH,
    LIMIT,
    Add,
    Counter,
    Forget,
    LimitError,
    Look,
    Remind,
    Send,
    counter,
)
from tests.support.simulated import counters, outcome, simulated

FIRST = AskId("ask", "digest")


@simulated()
async def test_a_reply_is_durable_when_it_comes() -> None:
    async with counters() as node:
        node.store.latency = lambda: 0.01
        assert await node.ask("a", Add(amount=5)) == 5
        assert node.total("a") == 5


@simulated(seeds=20)
async def test_messages_are_handled_one_at_a_time_and_none_is_lost() -> None:
    async with counters() as node:
        node.store.latency = lambda: 0.001
        totals = await asyncio.gather(*(node.ask("a", Add()) for _ in range(30)))
        assert sorted(totals) == list(range(1, 31))
        assert len(node.store.batches) == 30


@simulated()
async def test_turns_of_many_actors_share_a_batch() -> None:
    async with counters() as node:
        node.store.latency = lambda: 0.01
        await asyncio.gather(*(node.ask(str(number), Add()) for number in range(100)))
        assert len(node.store.batches) <= 10
        assert len(node.store.loads) <= 10


@simulated()
async def test_looking_costs_no_write() -> None:
    async with counters() as node:
        await node.ask("a", Add())
        assert await node.ask("a", Look()) == 1
        assert len(node.store.batches) == 1


@simulated()
async def test_who_does_not_exist_is_not_found_and_not_kept() -> None:
    async with counters() as node:
        assert await outcome(node, "a", Look()) is NotFoundError
        assert counter("a") not in node.runtime.resident


@simulated()
async def test_a_refusal_changes_nothing() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=LIMIT))
        with pytest.raises(LimitError):
            await node.ask("a", Add())
        assert await node.ask("a", Look()) == LIMIT
        assert len(node.store.batches) == 1
        assert node.runtime.health[1].restarts == 0


@simulated()
async def test_a_durable_message_that_is_refused_is_done_with() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=LIMIT))
        await node.tell("a", Add())
        await node.clock.sleep(1)
        assert node.store.database.inbox == {}
        assert node.total("a") == LIMIT


@simulated()
async def test_a_refused_message_whose_removal_lost_to_a_take_over_is_left_to_the_new_owner() -> (
    None
):
    async with counters() as node:
        await node.ask("a", Add(amount=LIMIT))
        node.store.latency = lambda: 0.1
        await node.tell("a", Add())
        for owned, (_, epoch) in node.store.database.owners.items():
            node.store.database.owners[owned] = ("another", epoch + 1)
        await node.clock.sleep(5)
        assert len(node.store.database.inbox) == 1
        assert node.runtime._node.timers._in_flight == set()


@simulated()
async def test_a_crash_drops_the_memory_and_keeps_what_is_durable() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=3))
        with pytest.raises(CrashedError) as caught:
            await node.ask("a", Add(amount=CRASH))
        assert caught.value.executed == "no"
        assert await node.ask("a", Look()) == 3
        assert node.store.loads == [1, 1]
        assert node.runtime.health[1].restarts == 1


@simulated()
async def test_a_durable_message_that_keeps_crashing_is_parked_with_its_error() -> None:
    async with counters() as node:
        await node.tell("a", Add(amount=CRASH))
        await node.clock.sleep(300)
        (parked,) = node.store.database.parked.values()
        assert parked.error == "RuntimeError: crashed on request"
        assert parked.row.attempts == ATTEMPTS_MAX
        assert node.store.database.inbox == {}
        assert node.metric("actors_turns_total", kind="counter", outcome="crashed") == ATTEMPTS_MAX


class Patient(Counter):
    """Never sets a message aside."""

    kind, parks = "counter", False


@simulated(seeds=2)
async def test_a_message_that_must_not_be_parked_is_tried_every_minute_for_ever() -> None:
    async with counters(actor=Patient()) as node:
        await node.tell("a", Add(amount=CRASH))
        await node.clock.sleep(3600)
        assert node.store.database.parked == {}
        (row,) = node.store.database.inbox.values()
        assert 50 <= row.attempts <= 90


@simulated()
async def test_an_ask_whose_time_is_up_is_dropped_before_it_runs() -> None:
    async with counters() as node:
        node.store.latency = lambda: 2.0
        slow = asyncio.ensure_future(node.ask("a", Add()))  # noqa: TID251
        await node.clock.sleep(0.1)
        assert await outcome(node, "a", Add(amount=100), timeout=1.0) is ExpiredError
        assert await slow == 1
        await node.clock.sleep(20)
        assert node.total("a") == 1


class Small(Counter):
    kind, mailbox_size_max = "counter", 3


@simulated()
async def test_a_full_mailbox_refuses_at_once() -> None:
    async with counters(actor=Small()) as node:
        node.store.latency = lambda: 1.0
        found = await asyncio.gather(*(outcome(node, "a", Add()) for _ in range(10)))
        assert found.count(OverloadedError) == 7
        assert node.total("a") == 3
        assert node.metric("actors_mailbox_full_total", kind="counter") == 7


@simulated()
async def test_a_retry_under_the_same_ask_id_gets_the_first_answer() -> None:
    async with counters() as node:
        assert await node.ask("a", Add(amount=5), ask_id=FIRST) == 5
        await node.ask("a", Add(amount=1))
        assert await node.ask("a", Add(amount=5), ask_id=FIRST) == 5
        assert node.total("a") == 6


@simulated(seeds=20)
async def test_two_asks_at_once_under_one_ask_id_have_one_effect() -> None:
    async with counters() as node:
        node.store.latency = lambda: 0.01
        asks = (node.ask("a", Add(amount=5), ask_id=FIRST) for _ in range(3))
        assert await asyncio.gather(*asks) == [5, 5, 5]
        assert node.total("a") == 5


@simulated()
async def test_an_ask_id_used_for_something_else_is_refused() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=5), ask_id=FIRST)
        with pytest.raises(AskIdReusedError):
            await node.ask("a", Add(amount=6), ask_id=AskId("ask", "other"))
        assert node.total("a") == 5


@simulated()
async def test_a_refusal_is_not_stored_and_decided_afresh() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=LIMIT))
        with pytest.raises(LimitError):
            await node.ask("a", Add(amount=1), ask_id=FIRST)
        await node.ask("a", Send(to="b", amount=10))
        assert await node.ask("a", Add(amount=1), ask_id=FIRST) == LIMIT - 9


@simulated()
async def test_a_turn_computed_from_a_stale_memory_is_computed_again() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=1))
        database = node.store.database
        changed = msgspec.structs.replace(database.state(counter("a")), version=2, total=50)
        database.states[counter("a")] = msgspec.json.encode(changed)
        assert await node.ask("a", Add(amount=1)) == 51


@simulated()
async def test_an_actor_that_has_moved_is_unavailable_and_forgotten() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=1))
        owners = node.store.database.owners
        for partition, (_, epoch) in owners.items():
            owners[partition] = ("another", epoch + 1)
        with pytest.raises(UnavailableError) as caught:
            await node.ask("a", Add(amount=1))
        assert caught.value.executed == "no"
        assert counter("a") not in node.runtime.resident
        assert node.total("a") == 1


@simulated(seeds=20)
async def test_a_lost_answer_is_no_failure_and_a_lost_commit_is_a_retry() -> None:
    async with counters() as node:
        node.store.faults.extend([Fault.LOSE_ANSWER, Fault.FAIL])
        assert await node.ask("a", Add()) == 1
        with pytest.raises(UnavailableError) as caught:
            await node.ask("a", Add())
        assert caught.value.executed == "no"
        assert await node.ask("a", Add()) == 2


@simulated(seeds=20)
async def test_what_is_told_arrives_exactly_once_whatever_happens_to_commits() -> None:
    async with counters() as node:
        node.store.latency = lambda: 0.01
        for number in range(30):
            faults = [None, Fault.LOSE_ANSWER, None, Fault.FAIL, Fault.SLOW]
            node.store.faults.append(faults[number % 5])
            await outcome(node, "a", Send(to="b"))
        await node.clock.sleep(60)
        assert node.total("a") + node.total("b") == 0
        assert node.total("b") >= 24


@simulated()
async def test_a_timer_comes_at_its_time_and_a_cancelled_one_does_not() -> None:
    async with counters() as node:
        await node.ask("a", Remind(seconds=100.5))
        await node.ask("a", Remind(name="other", seconds=50, amount=7))
        await node.ask("a", Forget(name="other"))
        await node.clock.sleep(100.4)
        assert await outcome(node, "a", Look()) is NotFoundError
        await node.clock.sleep(0.2)
        assert node.total("a") == 1


@simulated(seeds=20)
async def test_an_actors_own_due_timer_runs_before_what_is_asked() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=1))
        await node.ask("a", Remind(seconds=5, amount=10))
        await node.clock.sleep(5)
        assert await node.ask("a", Look()) == 11


@simulated()
async def test_an_outage_refuses_at_once_what_would_have_to_wait() -> None:
    async with counters() as node:
        await node.ask("a", Add())
        node.store.is_reachable = False
        first = asyncio.ensure_future(node.ask("a", Add()))  # noqa: TID251
        await node.clock.sleep(3)
        before = node.clock.monotonic()
        with pytest.raises(UnavailableError) as caught:
            await node.ask("b", Add())
        assert (caught.value.executed, node.clock.monotonic()) == ("no", before)
        node.store.is_reachable = True
        with pytest.raises(UnavailableError):
            await first
        assert await node.ask("a", Add()) == 2
        assert node.runtime.health[1].restarts == 0
