"""The inspector: it looks without waking anybody, and acts past every mailbox."""

import asyncio
from typing import Any

import pytest

from actors import Turn, handle
from actors.errors import RestartedError
from actors.inspection import NotNowError
from actors.observer import OPEN_SECONDS, TURNS_KEPT
from actors.seen import ActorStatus, Order, place
from tests.support.counter import CRASH, Add, Counter, CounterState, Look, Remind, counter
from tests.support.simulated import Node, counters, database, outcome, simulated

A = counter("a")


class StuckCounter(Counter):
    """Waits for ever when it is to add seven."""

    @handle(creates=True)
    async def add(self, message: Add, turn: Turn[CounterState]) -> int:
        if message.amount == 7 and turn.attempts == 0:
            await asyncio.Event().wait()
        return await super().add(message, turn)


def status(node: Node, key: str) -> ActorStatus:
    return node.runtime.inspector.actor(counter(key)).status


async def begin(node: Node, key: str, message: Any, **kwargs: Any) -> "asyncio.Task[Any]":
    """Ask, and go on when the ask is under way."""
    asked = asyncio.ensure_future(outcome(node, key, message, **kwargs))  # noqa: TID251 - a test
    await node.clock.sleep(0.1)
    return asked


@simulated()
async def test_looking_at_a_thousand_sleepers_wakes_none() -> None:
    data = database()
    async with counters(data) as node:
        for number in range(1000):
            await node.ask(str(number), Add())
    async with counters(data) as node:
        inspector = node.runtime.inspector
        inspector.watch(A)
        before = list(node.store.loads)
        for number in range(1000):
            ref = counter(str(number))
            assert inspector.actor(ref).status == "asleep"
            assert (inspector.state(ref), inspector.mailbox(ref), inspector.stack(ref)) == (
                None, [], [],
            )  # fmt: skip
            inspector.passivate(ref)
            inspector.restart(ref)
        assert await inspector.actors(limit=10) == []
        assert not node.runtime.resident
        assert node.store.loads == before


@simulated()
async def test_a_suspended_actor_keeps_what_comes_and_handles_it_in_order() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=1))
        node.runtime.inspector.suspend(A)
        node.runtime.inspector.watch(A)
        first = await begin(node, "a", Add(amount=2))
        second = await begin(node, "a", Add(amount=3))
        await node.tell("a", Add(amount=4))
        await node.clock.sleep(1)
        assert (status(node, "a"), node.total("a")) == ("suspended", 1)
        waiting = node.runtime.inspector.mailbox(A)
        assert [(each.is_durable, each.message) for each in waiting] == [
            (True, Add(amount=4)), (False, Add(amount=2)), (False, Add(amount=3)),
        ]  # fmt: skip
        assert all(each.waits_seconds is not None and each.waits_seconds >= 1 for each in waiting)
        with pytest.raises(NotNowError):
            node.runtime.inspector.passivate(A)
        node.runtime.inspector.resume(A)
        assert (await first, await second) == (7, 10)
        await node.clock.sleep(0.1)
        assert status(node, "a") == "idle"


@simulated()
async def test_a_sleeper_is_suspended_without_being_woken() -> None:
    data = database()
    async with counters(data) as node:
        await node.ask("a", Add())
    async with counters(data) as node:
        node.runtime.inspector.suspend(A)
        await node.clock.sleep(300)  # It is not let go of, however idle it is.
        asked = await begin(node, "a", Add(), timeout=5)
        assert not sum(node.store.loads)
        node.runtime.inspector.resume(A)
        assert await asked == 2


@simulated()
async def test_one_that_was_suspended_for_nothing_leaves_no_trace() -> None:
    async with counters() as node:
        node.runtime.inspector.suspend(A)
        node.runtime.inspector.resume(A)
        assert not node.runtime.resident


@simulated()
async def test_what_a_suspended_actor_was_told_survives_a_crash() -> None:
    data = database()
    async with counters(data) as node:
        node.runtime.inspector.suspend(A)
        await node.tell("a", Add(amount=5))
        await node.clock.sleep(1)
        await node.runtime.abandon()
        await node.clock.sleep(60)
        async with counters(data) as next_node:
            await next_node.clock.sleep(60)
            assert next_node.total("a") == 5


@simulated()
async def test_a_node_drains_beside_a_suspended_actor() -> None:
    async with counters() as node:
        node.runtime.inspector.suspend(A)
        asked = await begin(node, "a", Add())
        began = node.clock.monotonic()
        await node.runtime.stop()
        assert node.clock.monotonic() - began < 1
        assert not isinstance(await asked, int)


@simulated()
async def test_a_handler_that_hangs_is_seen_and_given_up() -> None:
    async with counters(actor=StuckCounter()) as node:
        await node.ask("a", Add(amount=1))
        inspector = node.runtime.inspector
        inspector.watch(A)
        asked = await begin(node, "a", Add(amount=7))
        behind = await begin(node, "a", Add(amount=2))
        await node.clock.sleep(3)
        line = inspector.actor(A)
        assert (line.status, line.mailbox) == ("running", 1)
        assert line.idle_seconds >= 3
        running = inspector.running(A)
        assert running is not None
        assert (running[0], running[1] >= 3) == ("counter.add", True)
        assert any("StuckCounter.add" in frame for frame in inspector.stack(A))
        assert "Event.wait" in inspector.stack(A)[-1]
        inspector.restart(A)
        assert await asked is RestartedError
        assert RestartedError().executed == "no"
        assert await behind == 3
        assert node.total("a") == 3


@simulated()
async def test_a_durable_message_whose_turn_was_given_up_is_tried_again() -> None:
    async with counters(actor=StuckCounter()) as node:
        await node.tell("a", Add(amount=7))
        await node.clock.sleep(1)
        node.runtime.inspector.restart(A)
        await node.clock.sleep(5)
        assert node.total("a") == 7


@simulated()
async def test_a_turn_is_not_given_up_while_it_is_made_durable() -> None:
    async with counters() as node:
        node.store.latency = lambda: 5.0
        asked = await begin(node, "a", Add(amount=4), timeout=60)
        with pytest.raises(NotNowError):
            node.runtime.inspector.restart(A)
        assert await asked == 4


@simulated()
async def test_restarting_reads_the_row_again() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=4))
        before = sum(node.store.loads)
        node.runtime.inspector.restart(A)
        assert await node.ask("a", Look()) == 4
        assert sum(node.store.loads) == before + 1


@simulated()
async def test_an_operator_lets_go_of_an_idle_actor() -> None:
    async with counters() as node:
        await node.ask("a", Add(amount=4))
        node.runtime.inspector.passivate(A)
        assert status(node, "a") == "asleep"
        assert await node.ask("a", Look()) == 4


@simulated()
async def test_who_is_resumed_is_out_of_quarantine_and_its_last_crash_is_kept() -> None:
    async with counters() as node:
        for _ in range(5):
            await node.ask("a", Add())
            await outcome(node, "a", Add(amount=CRASH))
        inspector = node.runtime.inspector
        line = inspector.actor(A)
        assert (line.status, line.restarts) == ("quarantined", 5)
        assert line.last_error == "RuntimeError: crashed on request"
        crash = inspector.crash(A)
        assert crash is not None
        assert (crash.cause, crash.restarts) == ("counter.add", 5)
        assert "raise RuntimeError" in crash.traceback
        [found] = await inspector.actors(limit=1, order="restarts")
        assert found.key == "a"
        inspector.resume(A)
        assert await node.ask("a", Look()) == 5
        assert node.metric("actors_quarantined", service="tickets") == 0
        assert inspector.crash(A) is not None


@simulated()
async def test_turns_are_noted_while_somebody_looks_and_forgotten_after() -> None:
    async with counters() as node:
        inspector = node.runtime.inspector
        await node.ask("a", Add())
        assert inspector.turns(A) == ()
        inspector.watch(A)
        node.store.latency = lambda: 0.5
        await node.ask("a", Add())
        await outcome(node, "a", Add(amount=CRASH))
        await outcome(node, "a", Add(amount=1000))
        done, crashed, refused = inspector.turns(A)
        assert [each.outcome for each in (done, crashed, refused)] == ["done", "crashed", "refused"]
        assert done.cause == "counter.add"
        assert done.commit_seconds is not None
        assert done.commit_seconds >= 0.5
        assert done.wait_seconds is not None
        assert refused.commit_seconds is None
        node.store.latency = lambda: 0.0
        for _ in range(TURNS_KEPT * 2):
            await node.ask("a", Look())
        assert len(inspector.turns(A)) == TURNS_KEPT
        await node.clock.sleep(OPEN_SECONDS + 10)
        assert (inspector.is_open, inspector.turns(A)) == (False, ())


ORDERS: dict[Order, list[str]] = {
    "key": ["a0", "a1", "a2", "b0"],
    "version": ["b0", "a2", "a1", "a0"],
    "idle": ["a0", "a1", "a2", "b0"],
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_list_is_in_order_and_goes_on_where_it_ended(order: Order) -> None:
    @simulated(seeds=1)
    async def look() -> None:
        async with counters() as node:
            for turns, key in enumerate(["a0", "a1", "a2", "b0"], start=1):
                for _ in range(turns):
                    await node.ask(key, Add())
                await node.clock.sleep(1)
            actors = node.runtime.inspector.actors
            found = await actors(limit=3, order=order)
            rest = await actors(limit=3, order=order, after=place(found[-1], order))
            assert [each.key for each in [*found, *rest]] == ORDERS[order]

    look()


@simulated(seeds=1)
async def test_a_list_is_of_those_that_are_wanted() -> None:
    async with counters() as node:
        for key in ("a0", "a1", "b0"):
            await node.ask(key, Add())
        inspector = node.runtime.inspector
        inspector.suspend(counter("a1"))

        async def keys(**wanted: Any) -> list[str]:
            return [each.key for each in await inspector.actors(limit=9, **wanted)]

        assert await keys(key="a") == ["a0", "a1"]
        assert await keys(status="suspended") == ["a1"]
        assert await keys(kind="counter", service="tickets") == ["a0", "a1", "b0"]
        assert await keys(kind="ticket") == await keys(service="orders") == []


@simulated(seeds=1)
async def test_the_node_as_a_whole() -> None:
    async with counters() as node:
        await node.ask("a", Add())
        await node.ask("a", Remind(seconds=30))
        seen = node.runtime.inspector.overview()
        assert (seen.resident, seen.running) == ({"counter": 1}, {"counter": 0})
        assert [each.service for each in seen.services][1] == "tickets"
        assert (seen.turns, seen.batches, seen.timers_waiting) == (2, 2, 1)
        assert seen.next_timer_at is not None
        assert [(each.kind, each.running, each.concurrency) for each in seen.workers] == [
            ("courier", 0, 2)
        ]
        assert seen.store_available
