"""What a turn is said to belong to: to its own message and request, whoever woke the actor."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from actors import Effect, Ref, Turn, handle
from actors.doing import doing, named
from actors.store import InboxRow
from actors.telemetry import Telemetry
from actors.timers import Timers
from tests.support.counter import (
    Add,
    Counter,
    CounterState,
    Courier,
    Deliver,
    Remind,
    Send,
    counter,
)
from tests.support.simulated import counters, inbox_row, simulated
from web.tracing import Asked


class Seeing(Counter):
    """Notes what it is said to be doing."""

    kind = "counter"

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, str]] = {}

    @handle(creates=True)
    async def add(self, message: Add, turn: Turn[CounterState]) -> int:
        self.seen[turn.key] = said()
        return await super().add(message, turn)


class SeeingCourier(Courier):
    """Notes it, too."""

    kind = "courier"

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []

    @handle
    async def deliver(self, message: Deliver, effect: Effect) -> None:
        self.seen.append(said())
        await super().deliver(message, effect)


def said() -> dict[str, str]:
    now = doing.get()
    assert now is not None
    return now.described()


async def as_request(request_id: str, work: Any) -> None:
    """Await *work* as a request does: in a task of its own, and nothing of it stays."""

    async def run() -> None:
        doing.set(Asked(request_id))
        await work

    await asyncio.create_task(run())  # noqa: TID251 - as the web server does


@simulated()
async def test_a_turn_says_who_handles_what_for_which_request() -> None:
    actor = Seeing()
    async with counters(actor=actor) as node:
        await as_request("r-1", node.ask("a", Add()))
        assert actor.seen["a"] == {
            "actor": "counter/a", "message": "counter.add", "request_id": "r-1",
        }  # fmt: skip
        await node.ask("a", Add())
        assert "request_id" not in actor.seen["a"]
        assert doing.get() is None


@simulated(seeds=20)
async def test_requests_that_meet_at_one_actor_are_not_confused() -> None:
    actor = Seeing()
    async with counters(actor=actor) as node:
        requests = [
            as_request(f"r-{number}", node.ask(f"{number % 3}", Add())) for number in range(30)
        ]
        kept: list[dict[str, str]] = []
        actor.seen = Kept(kept)
        await asyncio.gather(*requests)
        assert sorted(each["request_id"] for each in kept) == sorted(
            f"r-{number}" for number in range(30)
        )
        for each in kept:
            number = int(each["request_id"].removeprefix("r-"))
            assert each["actor"] == f"counter/{number % 3}"


class Kept(dict[str, dict[str, str]]):
    """Keeps whatever is ever set."""

    def __init__(self, kept: list[dict[str, str]]) -> None:
        super().__init__()
        self._kept = kept

    def __setitem__(self, key: str, value: dict[str, str]) -> None:
        self._kept.append(value)


@pytest.mark.parametrize("by_courier", [False, True])
@simulated()
async def test_what_is_told_belongs_to_the_request_of_its_sender(by_courier: bool) -> None:  # noqa: FBT001
    actor, worker = Seeing(), SeeingCourier()
    async with counters(actor=actor, courier=worker) as node:
        await as_request("r-1", node.ask("a", Send(to="b", by_courier=by_courier)))
        await node.clock.sleep(1)
        assert actor.seen["b"]["request_id"] == "r-1"
        assert actor.seen["b"]["message_id"]
        assert [each["request_id"] for each in worker.seen] == ["r-1"] * by_courier


@simulated()
async def test_a_timer_belongs_to_nobody_any_more() -> None:
    actor = Seeing()
    async with counters(actor=actor) as node:
        await as_request("r-1", node.ask("a", Remind(seconds=5)))
        await node.clock.sleep(6)
        assert set(actor.seen["a"]) == {"actor", "message", "message_id"}


@simulated()
async def test_a_timer_that_is_sent_ahead_of_a_turn_does_not_belong_to_that_turn() -> None:
    async with counters() as node:
        delivered: list[Any] = []

        def deliver(_: InboxRow) -> None:
            delivered.append(doing.get())

        timers = Timers(node.store, node.clock, Telemetry(), deliver)
        await timers.load()
        timers.add(inbox_row(node, counter("a"), Add(), 5))
        before = doing.set(Asked("r-1"))
        timers.release(counter("a"), node.clock.now() + timedelta(seconds=6))
        doing.reset(before)
        assert delivered == [None]


def test_whose_key_is_an_address_is_not_named() -> None:
    assert named(Ref("account", "ada@example.com")) == "account/(personal)"
    assert named(Ref("ticket", "01a2")) == "ticket/01a2"
