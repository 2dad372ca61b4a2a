"""Lists of actors while time goes by, and acting on one at a bad moment."""

import asyncio
from typing import Any

import pytest

from actors import Effect, HeldError, Turn, handle, ranking, supervisor
from actors.errors import RestartedError
from actors.inspection import NotNowError
from actors.seen import place
from tests.support.counter import (
    CRASH,
    Add,
    Counter,
    CounterState,
    Courier,
    Deliver,
    Look,
    Send,
    counter,
)
from tests.support.simulated import Node, counters, database, outcome, prepared, simulated

A = counter("a")
STUCK = Add(amount=7)


class StuckCounter(Counter):
    """Waits for ever when it is to add seven, each time it is tried; others it lets pass."""

    def __init__(self) -> None:
        self.tries = 0

    @handle(creates=True)
    async def add(self, message: Add, turn: Turn[CounterState]) -> int:
        if message == STUCK:
            self.tries += 1
            if self.tries <= 2:
                await asyncio.Event().wait()
        return await super().add(message, turn)


class CarelessCourier(Courier):
    """Always fails."""

    @handle
    async def deliver(self, message: Deliver, effect: Effect) -> None:  # noqa: ARG002
        raise RuntimeError("lost on the way")


async def begin(node: Node, key: str, message: Any, **kwargs: Any) -> "asyncio.Task[Any]":
    """Ask, and go on when the ask is under way."""
    asked = asyncio.ensure_future(outcome(node, key, message, **kwargs))  # noqa: TID251 - a test
    await node.clock.sleep(0.1)
    return asked


# Lists -------------------------------------------------------------------------------------------


@simulated()
async def test_nobody_is_skipped_while_all_are_idle_for_longer_and_longer() -> None:
    async with counters() as node:
        for number in range(6):
            await node.ask(str(number), Add())
            await node.clock.sleep(1)
        keys: list[str] = []
        after = None
        while page := await node.runtime.inspector.actors(limit=2, order="idle", after=after):
            keys += [each.key for each in page]
            after = place(page[-1], "idle")
            await node.clock.sleep(3)
        assert keys == [str(number) for number in range(6)]


@simulated(seeds=2)
async def test_a_long_list_lets_others_run_and_finds_all() -> None:
    count, at_once = 600, 20
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "AT_ONCE", at_once)
        async with counters() as node:
            adds = (node.ask(f"{each:03}", Add(), fresh=True) for each in range(count))
            await asyncio.gather(*adds)
            actors = node.runtime.inspector.actors
            listing = asyncio.ensure_future(actors(limit=count))  # noqa: TID251 - a test
            rounds = 0
            while not listing.done():
                await asyncio.sleep(0)
                rounds += 1
            keys = [each.key for each in await listing]
            assert rounds >= count / at_once / 3  # Who comes first in a round is drawn.
            assert keys == [f"{each:03}" for each in range(count)]
            middle = await actors(limit=2, key="3")
            rest = await actors(limit=2, key="3", after=place(middle[-1], "key"))
            assert [each.key for each in (*middle, *rest)] == ["300", "301", "302", "303"]


@simulated()
async def test_mailboxes_and_restarts_are_in_order_the_greatest_first() -> None:
    async with counters() as node:
        inspector = node.runtime.inspector
        for key, waiting in (("a", 1), ("b", 3), ("c", 2)):
            inspector.suspend(counter(key))
            for _ in range(waiting):
                await node.tell(key, Add())
        for key, crashes in (("x", 1), ("y", 2)):
            for _ in range(crashes):
                await outcome(node, key, Add(amount=CRASH))
        await node.clock.sleep(1)
        by_mailbox = await inspector.actors(limit=3, order="mailbox")
        assert [(each.key, each.mailbox) for each in by_mailbox] == [("b", 3), ("c", 2), ("a", 1)]
        first = await inspector.actors(limit=1, order="restarts")
        rest = await inspector.actors(limit=1, order="restarts", after=place(first[-1], "restarts"))
        assert [(each.key, each.restarts) for each in (*first, *rest)] == [("y", 2), ("x", 1)]
        for key in "abc":
            inspector.resume(counter(key))


@simulated()
async def test_who_is_in_quarantine_is_listed_though_its_crash_is_forgotten() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervisor, "CRASHES_KEPT", 1)
        async with counters() as node:
            for key in ("a", "b"):
                for _ in range(5):
                    await node.ask(key, Add())
                    await outcome(node, key, Add(amount=CRASH))
            inspector = node.runtime.inspector
            assert (inspector.crash(A), inspector.crash(counter("b")) is None) == (None, False)
            found = await inspector.actors(limit=9, status="quarantined")
            assert [each.key for each in found] == ["a", "b"]
            assert await inspector.actors(limit=9, status="asleep") == []


@simulated()
async def test_workers_are_no_actors() -> None:
    async with counters(courier=CarelessCourier()) as node:
        await node.ask("a", Send(to="b", by_courier=True))
        await node.clock.sleep(1)
        assert [each.kind for each in await node.runtime.inspector.actors(limit=9)] == ["counter"]
        assert {each.service: each.restarts > 0 for each in node.runtime.health}["orders"]


@simulated()
async def test_who_failed_is_held_and_then_only_asleep() -> None:
    async with counters() as node:
        for _ in range(3):
            await outcome(node, "a", Add(amount=CRASH))
            await node.clock.sleep(0.15)
        await outcome(node, "a", Add(amount=CRASH))
        inspector = node.runtime.inspector
        assert inspector.actor(A).status == "held"
        await node.clock.sleep(30)
        assert inspector.actor(A).status == "asleep"
        assert [each.key for each in await inspector.actors(limit=9, status="asleep")] == ["a"]


# Looking at one ----------------------------------------------------------------------------------


@simulated()
async def test_a_turn_that_began_before_anybody_looked_is_seen() -> None:
    async with counters(actor=StuckCounter()) as node:
        inspector = node.runtime.inspector
        asked = await begin(node, "a", STUCK, timeout=60)
        await node.clock.sleep(5)
        assert not inspector.is_open
        running = inspector.running(A)
        assert running is not None
        assert (running[0], round(running[1])) == ("counter.add", 5)
        inspector.watch(A)
        assert inspector.running(A) is not None
        inspector.restart(A)
        assert await asked is RestartedError
        await node.ask("a", Add())
        assert (inspector.running(A), inspector.stack(A)) == (None, [])


@simulated()
async def test_the_stack_leads_to_the_store_while_a_turn_is_made_durable() -> None:
    async with counters() as node:
        node.store.latency = lambda: 1.0
        asked = await begin(node, "a", Add(), fresh=True, timeout=60)
        stack = node.runtime.inspector.stack(A)
        assert any("Activation._finish" in frame for frame in stack)
        assert stack[0].startswith("actors/activation.py:")
        assert await asked == 1


# Acting on one -----------------------------------------------------------------------------------


@simulated()
async def test_a_turn_is_not_given_up_while_its_actor_is_read() -> None:
    data = database()
    async with counters(data) as node:
        await node.ask("a", Add())
    async with counters(data) as node:
        node.store.latency = lambda: 1.0
        asked = await begin(node, "a", Add(), timeout=60)
        for act in (node.runtime.inspector.restart, node.runtime.inspector.passivate):
            with pytest.raises(NotNowError):
                act(A)
        assert await asked == 2


@simulated()
async def test_restarting_twice_at_once_is_restarting_once() -> None:
    async with counters(actor=StuckCounter()) as node:
        asked = await begin(node, "a", STUCK)
        node.runtime.inspector.restart(A)
        node.runtime.inspector.restart(A)
        assert await asked is RestartedError
        again = await begin(node, "a", STUCK)
        node.runtime.inspector.restart(A)
        assert await again is RestartedError
        assert await node.ask("a", STUCK) == 7


@simulated()
async def test_a_node_stops_beside_a_handler_that_hangs_also_after_a_restart() -> None:
    async with counters(actor=StuckCounter()) as node:
        stuck = await begin(node, "a", STUCK)
        node.runtime.inspector.restart(A)
        asked = await begin(node, "a", STUCK, timeout=9999)
        await node.runtime.stop()
        assert await stuck is RestartedError
        assert issubclass(await asked, Exception)


@simulated()
async def test_who_is_restarted_while_the_node_stops_does_not_go_on() -> None:
    node = prepared(actor=StuckCounter())
    await node.runtime.start()
    asked = await begin(node, "a", STUCK, timeout=9999)
    behind = await begin(node, "a", STUCK, timeout=9999)
    node.runtime.inspector.restart(A)
    await node.runtime.abandon()
    assert not node.runtime.inspector.stack(A)
    for each in (asked, behind):
        each.cancel()


@simulated()
async def test_a_message_is_retried_as_often_as_its_turn_is_given_up_and_happens_once() -> None:
    async with counters(actor=StuckCounter()) as node:
        await node.tell("a", STUCK)
        for _ in range(2):
            await node.clock.sleep(2)
            assert node.runtime.inspector.actor(A).status == "running"
            node.runtime.inspector.restart(A)
        await node.clock.sleep(5)
        assert node.total("a") == 7
        assert node.store.database.parked == {}


@simulated()
async def test_who_is_suspended_in_a_turn_ends_it_and_then_rests() -> None:
    async with counters() as node:
        node.store.latency = lambda: 1.0
        asked = await begin(node, "a", Add(), fresh=True, timeout=60)
        behind = await begin(node, "a", Add(), timeout=60)
        node.runtime.inspector.suspend(A)
        assert await asked == 1
        await node.clock.sleep(10)
        assert (node.runtime.inspector.actor(A).status, node.total("a")) == ("suspended", 1)
        node.runtime.inspector.resume(A)
        assert await behind == 2


@simulated()
async def test_who_is_resumed_in_a_turn_goes_on_as_if_nothing_had_been() -> None:
    async with counters() as node:
        node.store.latency = lambda: 1.0
        asked = await begin(node, "a", Add(), fresh=True, timeout=60)
        behind = await begin(node, "a", Add(), timeout=60)
        node.runtime.inspector.suspend(A)
        node.runtime.inspector.resume(A)
        assert (await asked, await behind) == (1, 2)
        await node.runtime.stop()


@simulated()
async def test_an_ask_that_waited_too_long_for_a_suspended_actor_is_not_done_later() -> None:
    async with counters() as node:
        await node.ask("a", Add())
        node.runtime.inspector.suspend(A)
        assert issubclass(await outcome(node, "a", Add(amount=5), timeout=2), Exception)
        node.runtime.inspector.resume(A)
        assert await node.ask("a", Look()) == 1


@simulated()
async def test_restarting_one_in_quarantine_lets_it_work_at_once() -> None:
    async with counters() as node:
        for _ in range(5):
            await node.ask("a", Add())
            await outcome(node, "a", Add(amount=CRASH))
        assert await outcome(node, "a", Look()) is HeldError
        node.runtime.inspector.restart(A)
        assert await node.ask("a", Look()) == 5


@simulated()
async def test_a_timer_of_a_suspended_actor_waits_for_it() -> None:
    async with counters() as node:
        node.runtime.inspector.suspend(A)
        await node.drop_into_inbox("a", Add(amount=3), seconds=5)
        await node.clock.sleep(60)
        assert node.store.database.state(A) is None
        [waiting] = node.runtime.inspector.mailbox(A)
        assert waiting.is_durable
        node.runtime.inspector.resume(A)
        await node.clock.sleep(1)
        assert node.total("a") == 3


def test_places_are_finite_because_they_become_json() -> None:
    assert float("inf") > ranking.UNKNOWN_AT
