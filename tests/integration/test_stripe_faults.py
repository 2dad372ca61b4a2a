"""The transport when the network, the provider or a proxy misbehaves: never a wrong certainty."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from actors.clock import SystemClock
from tests.support.sandbox import (
    EVERY_TRY,
    TEST_KEY,
    HandClock,
    at_once,
    authorise,
    held,
    script,
    transport_to,
)
from ticketing.payments import stripe_http, transport
from ticketing.payments.outcomes import (
    Authorised,
    Captured,
    Declined,
    NotSent,
    Unknown,
)
from ticketing.payments.sandbox import running_sandbox
from ticketing.payments.transport import StripeTransport


@pytest_asyncio.fixture
async def base_url(tmp_path: Path) -> AsyncIterator[str]:
    async with running_sandbox(tmp_path) as address:
        yield address


@pytest_asyncio.fixture
async def stripe(base_url: str) -> AsyncIterator[StripeTransport]:
    async with transport_to(base_url) as made:
        yield made


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is ours and that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def authorised(stripe: StripeTransport) -> str:
    outcome = await authorise(stripe)
    assert isinstance(outcome, Authorised)
    return outcome.intent_id


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate"])
async def test_one_lost_answer_is_made_good_by_the_next_try(
    base_url: str, stripe: StripeTransport, kind: str
) -> None:
    await script(base_url, {"operation": "create", "kind": kind})

    intent_id = await authorised(stripe)

    assert [intent["id"] for intent in await held(base_url)] == [intent_id]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("drop_before", "ServerDisconnectedError"),
        ("drop_after", "ServerDisconnectedError"),
        ("truncate", "ClientPayloadError"),
    ],
)
async def test_answers_that_stay_lost_are_unknown_and_the_retry_finds_the_same_intent(
    base_url: str, stripe: StripeTransport, kind: str, reason: str
) -> None:
    await script(base_url, {"operation": "create", "kind": kind, "times": EVERY_TRY})

    assert await authorise(stripe) == Unknown(reason=reason)
    before = [intent["id"] for intent in await held(base_url)]
    intent_id = await authorised(stripe)

    assert before == ([] if kind == "drop_before" else [intent_id])
    assert [intent["id"] for intent in await held(base_url)] == [intent_id]


async def test_a_capture_whose_answer_got_lost_is_captured_once(
    base_url: str, stripe: StripeTransport
) -> None:
    intent_id = await authorised(stripe)
    await script(base_url, {"operation": "capture", "kind": "drop_after", "times": EVERY_TRY})

    first = await stripe.capture(intent_id=intent_id, amount_minor=2000)
    second = await stripe.capture(intent_id=intent_id, amount_minor=2000)

    assert first == Unknown(reason="ServerDisconnectedError")
    assert isinstance(second, Captured)
    [intent] = await held(base_url)
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 2000)


async def test_a_stored_500_is_replayed_until_the_next_round_of_the_key(
    base_url: str, stripe: StripeTransport
) -> None:
    await script(base_url, {"operation": "create", "kind": "status", "status": 500})
    since = SystemClock().now() - timedelta(minutes=5)

    assert await authorise(stripe) == Unknown(reason="api_error")
    assert await authorise(stripe) == Unknown(reason="api_error", stored=True)
    assert await stripe.find(order_id="o1", attempt=1, since=since) == ()

    assert isinstance(await authorise(stripe, key_round=2), Authorised)


async def test_a_stored_500_may_have_had_its_effect(base_url: str, stripe: StripeTransport) -> None:
    fault = {"operation": "any", "kind": "status", "status": 500, "effect": True}
    await script(base_url, fault)
    since = SystemClock().now() - timedelta(minutes=5)

    assert await authorise(stripe) == Unknown(reason="api_error")
    found = await stripe.find(order_id="o1", attempt=1, since=since)
    assert not isinstance(found, Unknown)
    [intent] = found
    await script(base_url, fault)
    first = await stripe.capture(intent_id=intent.id, amount_minor=2000)
    second = await stripe.capture(intent_id=intent.id, amount_minor=2000)

    assert first == Unknown(reason="api_error")
    assert isinstance(second, Captured)


async def test_a_stored_500_of_a_capture_without_effect(
    base_url: str, stripe: StripeTransport
) -> None:
    intent_id = await authorised(stripe)
    await script(base_url, {"operation": "capture", "kind": "status", "status": 500})

    for stored in (False, True):
        outcome = await stripe.capture(intent_id=intent_id, amount_minor=2000)
        assert isinstance(outcome, Unknown)
        assert outcome.stored is stored

    outcome = await stripe.capture(intent_id=intent_id, amount_minor=2000, key_round=2)
    assert isinstance(outcome, Captured)


@pytest.mark.parametrize(
    ("status", "effect", "reason"),
    [
        (502, False, "http_502"),
        (502, True, "http_502"),
        (409, False, "idempotency_key_in_use"),
        (429, False, "rate_limit"),
    ],
)
async def test_what_is_said_on_the_way_is_unknown_and_not_stored(
    base_url: str, stripe: StripeTransport, status: int, *, effect: bool, reason: str
) -> None:
    await script(
        base_url,
        {
            "operation": "create",
            "kind": "status",
            "status": status,
            "effect": effect,
            "times": EVERY_TRY,
        },
    )

    assert await authorise(stripe) == Unknown(reason=reason)
    assert len(await held(base_url)) == effect
    await script(base_url)
    intent_id = await authorised(stripe)
    assert [intent["id"] for intent in await held(base_url)] == [intent_id]


@pytest.mark.parametrize("operation", ["capture", "cancel"])
async def test_captures_and_voids_are_unknown_while_stripe_is_down(
    base_url: str, stripe: StripeTransport, operation: str
) -> None:
    intent_id = await authorised(stripe)
    await script(base_url, {"operation": "any", "kind": "status", "status": 502, "times": 99})

    if operation == "capture":
        outcome: object = await stripe.capture(intent_id=intent_id, amount_minor=2000)
    else:
        outcome = await stripe.void(intent_id=intent_id)

    assert outcome == Unknown(reason="http_502")
    assert await stripe.retrieve(intent_id) == Unknown(reason="http_502")


async def test_nothing_is_impossible_until_it_is_retrieved(
    base_url: str, stripe: StripeTransport
) -> None:
    intent_id = await authorised(stripe)
    await stripe.void(intent_id=intent_id)
    await script(
        base_url, {"operation": "retrieve", "kind": "status", "status": 502, "times": EVERY_TRY}
    )

    outcome = await stripe.capture(intent_id=intent_id, amount_minor=2000)

    assert outcome == Unknown(reason="http_502")


async def test_a_time_out_is_unknown_and_its_key_is_in_use_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock()
    async with running_sandbox(tmp_path, clock=clock) as base_url:
        await script(base_url, {"operation": "create", "kind": "delay", "seconds": 60, "times": 9})
        with monkeypatch.context() as patch:
            patch.setattr(stripe_http, "TOTAL_SECONDS", 0.05)
            async with transport_to(base_url) as hasty:
                outcome = await authorise(hasty)
        assert isinstance(outcome, Unknown)
        assert await held(base_url) == []

        clock.wake.set()
        async with transport_to(base_url) as patient:
            intent_id = await authorised(patient)
        assert [intent["id"] for intent in await held(base_url)] == [intent_id]


async def test_a_refused_connection_is_certainly_not_sent(closed_port: int) -> None:
    async with transport_to(f"http://127.0.0.1:{closed_port}") as stripe:
        assert await authorise(stripe) == NotSent(reason="ClientConnectorError")
        captured = await stripe.capture(intent_id="pi_1", amount_minor=2000)

    assert captured == Unknown(reason="ClientConnectorError")


async def test_an_unresolved_name_is_certainly_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_arguments: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    async with transport_to("http://stripe.invalid") as stripe:
        assert await authorise(stripe) == NotSent(reason="ClientConnectorDNSError")


async def test_a_refused_second_try_says_nothing_of_the_first() -> None:
    heard: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        server.close()
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, transport_to(f"http://127.0.0.1:{port}") as stripe:
        outcome = await authorise(stripe)

    assert outcome == Unknown(reason="ClientConnectorError")
    assert len(heard) == 1


async def test_an_answer_outlives_the_sandbox(tmp_path: Path) -> None:
    async with running_sandbox(tmp_path) as base_url, transport_to(base_url) as stripe:
        declined = await authorise(stripe, "tok_chargeDeclined")
        await script(base_url, {"operation": "create", "kind": "status", "status": 500})
        broken = await authorise(stripe, key_round=2)
        good = await authorise(stripe, key_round=3)

    async with running_sandbox(tmp_path) as base_url, transport_to(base_url) as stripe:
        assert await authorise(stripe, "tok_chargeDeclined") == declined
        assert await authorise(stripe, key_round=2) == Unknown(reason="api_error", stored=True)
        assert await authorise(stripe, key_round=3) == good
        assert len(await held(base_url)) == 2

    assert isinstance(declined, Declined)
    assert isinstance(broken, Unknown)
    assert isinstance(good, Authorised)


async def test_after_a_day_the_same_key_makes_another_intent(tmp_path: Path) -> None:
    clock = HandClock()
    async with (
        running_sandbox(tmp_path, clock=clock) as base_url,
        transport_to(base_url) as stripe,
    ):
        first = await authorised(stripe)
        clock.advance(timedelta(hours=23, minutes=59))
        assert await authorised(stripe) == first
        clock.advance(timedelta(minutes=1))
        assert await authorised(stripe) != first


async def test_find_turns_the_pages(
    base_url: str, stripe: StripeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent_id = await authorised(stripe)
    for attempt in range(2, 6):
        await stripe.authorise(
            order_id="o1", attempt=attempt, amount_minor=2000, currency="usd", token="tok_visa"
        )
    monkeypatch.setattr(transport, "PAGE", 2)
    since = SystemClock().now() - timedelta(minutes=5)

    found = await stripe.find(order_id="o1", attempt=1, since=since)
    assert not isinstance(found, Unknown)
    assert [intent.id for intent in found] == [intent_id]

    monkeypatch.setattr(transport, "PAGES_MAX", 2)
    lost = await stripe.find(order_id="o1", attempt=1, since=since)
    assert lost == Unknown(reason="too_many_intents")
    await script(base_url, {"operation": "list", "kind": "status", "status": 500})
    assert await stripe.find(order_id="o1", attempt=1, since=since) == Unknown(reason="api_error")


async def test_each_network_call_can_be_watched_and_stopped(base_url: str) -> None:
    moments: list[str] = []
    stripe = StripeTransport(key=TEST_KEY, api_base=base_url, around=moments.append, sleep=at_once)
    intent_id = await authorised(stripe)
    await stripe.void(intent_id=intent_id)
    await stripe.capture(intent_id=intent_id, amount_minor=2000)
    await stripe.close()

    def stop(moment: str) -> None:
        if moment == "authorise.before":
            raise RuntimeError(moment)

    stopped = StripeTransport(key=TEST_KEY, api_base=base_url, around=stop, sleep=at_once)
    with pytest.raises(RuntimeError, match=r"authorise\.before"):
        await authorise(stopped)
    await stopped.close()

    operations = ["authorise", "void", "capture", "retrieve"]
    assert moments == [f"{name}.{when}" for name in operations for when in ("before", "after")]
