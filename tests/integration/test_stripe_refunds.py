"""Refunds and events when answers get lost: money goes back once, and no event is skipped."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from actors.clock import SystemClock
from tests.support.sandbox import HandClock, authorise, held, script, transport_to
from ticketing.payments import outcomes, transport
from ticketing.payments.outcomes import (
    Authorised,
    Captured,
    Refunded,
    RefundFailed,
    RefundPending,
    Unknown,
)
from ticketing.payments.sandbox import running_sandbox
from ticketing.payments.sandbox.shapes import Json
from ticketing.payments.transport import StripeTransport

EVERY_TRY = 3


@pytest_asyncio.fixture
async def base_url(tmp_path: Path) -> AsyncIterator[str]:
    async with running_sandbox(tmp_path) as address:
        yield address


@pytest_asyncio.fixture
async def stripe(base_url: str) -> AsyncIterator[StripeTransport]:
    async with transport_to(base_url) as made:
        yield made


async def captured(stripe: StripeTransport, token: str = "tok_visa") -> str:
    held_money = await authorise(stripe, token)
    assert isinstance(held_money, Authorised)
    taken = await stripe.capture(intent_id=held_money.intent_id, amount_minor=2000)
    assert isinstance(taken, Captured)
    return held_money.intent_id


async def give_back(
    stripe: StripeTransport, intent_id: str, refund_round: int = 1, key_round: int = 1
) -> outcomes.Refund:
    return await stripe.give_back(
        intent_id=intent_id,
        order_id="o1",
        amount_minor=2000,
        refund_round=refund_round,
        key_round=key_round,
    )


async def refunded(base_url: str) -> int:
    [intent] = await held(base_url)
    amount: int = intent["amount_refunded"]
    return amount


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate"])
async def test_a_refund_whose_answers_get_lost_is_made_once(
    base_url: str, stripe: StripeTransport, kind: str
) -> None:
    intent_id = await captured(stripe)
    await script(base_url, {"operation": "refund", "kind": kind, "times": EVERY_TRY})

    first = await give_back(stripe, intent_id)
    second = await give_back(stripe, intent_id)

    assert isinstance(first, Unknown)
    assert isinstance(second, Refunded)
    assert await refunded(base_url) == 2000


@pytest.mark.parametrize("effect", [True, False])
async def test_a_stored_500_of_a_refund(
    base_url: str, stripe: StripeTransport, *, effect: bool
) -> None:
    intent_id = await captured(stripe)
    fault = {"operation": "refund", "kind": "status", "status": 500, "effect": effect}
    await script(base_url, fault)

    assert await give_back(stripe, intent_id) == Unknown(reason="api_error")
    again = await give_back(stripe, intent_id)
    last = await give_back(stripe, intent_id, key_round=2)

    if effect:
        assert isinstance(again, Refunded)
    else:
        assert again == Unknown(reason="api_error", stored=True)
    assert isinstance(last, Refunded)
    assert await refunded(base_url) == 2000


@pytest.mark.parametrize("status", [409, 429, 502])
async def test_a_provider_that_is_busy_refunds_later(
    base_url: str, stripe: StripeTransport, status: int
) -> None:
    intent_id = await captured(stripe)
    fault = {"operation": "refund", "kind": "status", "status": status, "times": EVERY_TRY}
    await script(base_url, fault)

    assert isinstance(await give_back(stripe, intent_id), Unknown)
    await script(base_url)
    assert isinstance(await give_back(stripe, intent_id), Refunded)


async def test_days_later_the_key_is_forgotten_and_the_refund_is_not(tmp_path: Path) -> None:
    clock = HandClock()
    async with running_sandbox(tmp_path, clock=clock) as url, transport_to(url) as stripe:
        intent_id = await captured(stripe)
        first = await give_back(stripe, intent_id)
        clock.advance(timedelta(days=3))

        assert await give_back(stripe, intent_id) == first
        assert await refunded(url) == 2000


async def test_what_cannot_be_listed_is_not_refunded(
    base_url: str, stripe: StripeTransport
) -> None:
    intent_id = await captured(stripe)
    fault = {"operation": "any", "kind": "status", "status": 502, "times": EVERY_TRY}
    await script(base_url, fault)

    assert await give_back(stripe, intent_id) == Unknown(reason="http_502")
    assert await refunded(base_url) == 0


async def test_a_refund_that_takes_its_time(base_url: str, stripe: StripeTransport) -> None:
    intent_id = await captured(stripe, "pm_card_pendingRefund")

    first = await give_back(stripe, intent_id)

    assert isinstance(first, RefundPending)
    assert await stripe.refund(first.refund_id) in (
        first,
        Refunded(refund_id=first.refund_id),
    )
    assert await refunded(base_url) == 2000


async def answered_with(*refunds: Json, refusal: Json | None = None) -> outcomes.Refund:
    """What a refund of 2000 in round 2 comes to if these are there and a post is refused."""

    async def refunds_of(_request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": refunds, "has_more": False})

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response({"error": refusal}, status=400)

    app = web.Application()
    app.router.add_get("/v1/refunds", refunds_of)
    app.router.add_post("/v1/refunds", refuse)
    async with (
        TestServer(app) as server,
        transport_to(str(server.make_url("/")).rstrip("/")) as stripe,
    ):
        return await give_back(stripe, "pi_1", refund_round=2)


def refund(status: str, amount: int = 2000, **more: object) -> Json:
    known = {"object": "refund", "id": f"re_{status}", "status": status, "amount": amount}
    return known | {"payment_intent": "pi_1", "metadata": {"round": "2"}} | more


REFUSAL = {"type": "invalid_request_error", "code": "charge_disputed", "message": "No."}
REFUSED = RefundFailed(why="charge_disputed")


@pytest.mark.parametrize(
    ("refunds", "outcome"),
    [
        ([], REFUSED),
        ([refund("succeeded")], Refunded(refund_id="re_succeeded")),
        ([refund("succeeded", metadata=None)], Refunded(refund_id="re_succeeded")),
        ([refund("pending")], RefundPending(refund_id="re_pending")),
        ([refund("requires_action")], RefundPending(refund_id="re_requires_action")),
        ([refund("new_in_2031")], Unknown(reason="refund_new_in_2031")),
        (
            [refund("succeeded", 1500), refund("pending", 500)],
            RefundPending(refund_id="re_pending"),
        ),
        ([refund("succeeded", 1999)], REFUSED),
        (
            [refund("failed", failure_reason="lost_or_stolen_card")],
            RefundFailed(why="lost_or_stolen_card", refund_id="re_failed"),
        ),
        ([refund("canceled")], RefundFailed(why="canceled", refund_id="re_canceled")),
        # One that failed in an earlier round says nothing of this one.
        ([refund("failed", metadata={"round": "1"})], REFUSED),
        ([refund("succeeded"), refund("failed")], Refunded(refund_id="re_succeeded")),
    ],
)
async def test_what_has_been_given_back_decides(
    refunds: list[Json], outcome: outcomes.Refund
) -> None:
    assert await answered_with(*refunds, refusal=REFUSAL) == outcome


@pytest.mark.parametrize(
    "refusal", [None, {"type": "idempotency_error"}, {"type": "idempotency_error", "code": "x"}]
)
async def test_a_refusal_that_is_a_fault_of_ours_decides_nothing(refusal: Json | None) -> None:
    assert isinstance(await answered_with(refusal=refusal), Unknown)


async def test_events_are_read_page_by_page_and_between_their_bounds(
    stripe: StripeTransport, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = SystemClock().now()
    since, until = now - timedelta(minutes=5), now + timedelta(minutes=5)
    intent_id = await captured(stripe)
    await give_back(stripe, intent_id)
    everything = await stripe.events(since=since, until=until)
    assert not isinstance(everything, Unknown)
    assert len(everything) >= 4

    monkeypatch.setattr(transport, "PAGE", 1)
    assert await stripe.events(since=since, until=until) == everything
    assert await stripe.events(since=since, until=since) == ()
    assert await stripe.events(since=until, until=until + timedelta(days=1)) == ()

    monkeypatch.setattr(transport, "EVENT_PAGES_MAX", 2)
    assert await stripe.events(since=since, until=until) == Unknown(reason="too_many_events")
    fault = {"operation": "events", "kind": "status", "status": 502, "times": EVERY_TRY}
    await script(base_url, fault)
    assert await stripe.events(since=since, until=until) == Unknown(reason="http_502")


async def test_an_event_that_cannot_be_read_hides_no_other() -> None:
    good = {"id": "pi_1", "status": "succeeded", "metadata": {"order_id": "o1"}}
    objects: list[object] = [good, {"id": 7}, {}, None, "x", {**good, "id": "pi_\0"}, good]
    event = {"object": "event", "type": "payment_intent.succeeded", "created": 1}
    data = [
        event | {"id": f"evt_{number}", "livemode": number == 6, "data": {"object": each}}
        for number, each in enumerate(objects)
    ]

    async def events(_request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": data, "has_more": False})

    app = web.Application()
    app.router.add_get("/v1/events", events)
    now = SystemClock().now()
    async with (
        TestServer(app) as server,
        transport_to(str(server.make_url("/")).rstrip("/")) as stripe,
    ):
        found = await stripe.events(since=now, until=now)

    assert not isinstance(found, Unknown)
    assert [each.intent_id for each in found] == ["pi_1"]
