"""What we rely on of Stripe: the same scenarios against the sandbox and against Stripe itself.

Stripe takes part when `STRIPE_TEST_KEY` holds a secret test key; never in CI.
"""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio
import stripe

from actors.clock import SystemClock
from tests.support.sandbox import TEST_KEY, transport_to
from ticketing.payments.outcomes import (
    ActionRequired,
    Authorised,
    Captured,
    Declined,
    Impossible,
    Intent,
    Missing,
    Refunded,
    RefundFailed,
    Unknown,
    Voided,
)
from ticketing.payments.sandbox import running_sandbox
from ticketing.payments.transport import StripeTransport

STRIPE_KEY = os.environ.get("STRIPE_TEST_KEY")

with_stripe = pytest.mark.skipif(STRIPE_KEY is None, reason="STRIPE_TEST_KEY is not set")


@pytest_asyncio.fixture(params=["sandbox", pytest.param("stripe", marks=with_stripe)])
async def transport(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[StripeTransport]:
    if request.param == "stripe":
        assert STRIPE_KEY is not None
        assert STRIPE_KEY.startswith(("sk_test_", "rk_test_")), "not with real money"
        async with transport_to(None, STRIPE_KEY) as real:
            yield real
        return
    async with running_sandbox(tmp_path) as base_url, transport_to(base_url) as ours:
        yield ours


@pytest.fixture
def order_id() -> str:
    """Another one each time: Stripe remembers our idempotency keys for a day."""
    return str(uuid4())


async def authorised(transport: StripeTransport, order_id: str, amount_minor: int = 2000) -> str:
    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=amount_minor, currency="usd", token="tok_visa"
    )
    assert isinstance(outcome, Authorised)
    return outcome.intent_id


@pytest.mark.parametrize("token", ["tok_visa", "tok_mastercard", "pm_card_visa"])
async def test_authorising_moves_no_money(
    transport: StripeTransport, order_id: str, token: str
) -> None:
    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=1999, currency="eur", token=token
    )

    assert isinstance(outcome, Authorised)
    intent = await transport.retrieve(outcome.intent_id)
    assert isinstance(intent, Intent)
    assert intent.status == "requires_capture"
    assert (intent.amount_minor, intent.currency) == (1999, "eur")
    assert (intent.amount_capturable_minor, intent.amount_received_minor) == (1999, 0)
    assert (intent.order_id, intent.attempt, intent.livemode) == (order_id, 1, False)
    assert intent.charge_id is not None


async def test_capturing_takes_the_whole_amount(transport: StripeTransport, order_id: str) -> None:
    intent_id = await authorised(transport, order_id, 2000)

    outcome = await transport.capture(intent_id=intent_id, amount_minor=2000)

    assert isinstance(outcome, Captured)
    assert (outcome.intent_id, outcome.amount_minor, outcome.currency) == (intent_id, 2000, "usd")
    intent = await transport.retrieve(intent_id)
    assert isinstance(intent, Intent)
    assert (intent.status, intent.amount_capturable_minor) == ("succeeded", 0)


async def test_a_second_capture_takes_nothing_more(
    transport: StripeTransport, order_id: str
) -> None:
    intent_id = await authorised(transport, order_id)
    first = await transport.capture(intent_id=intent_id, amount_minor=2000)

    same_key = await transport.capture(intent_id=intent_id, amount_minor=2000)
    other_key = await transport.capture(intent_id=intent_id, amount_minor=2000, key_round=2)

    assert first == same_key == other_key
    assert isinstance(first, Captured)


async def test_voiding_ends_the_intent(transport: StripeTransport, order_id: str) -> None:
    intent_id = await authorised(transport, order_id)

    assert await transport.void(intent_id=intent_id) == Voided(intent_id=intent_id)
    assert await transport.void(intent_id=intent_id) == Voided(intent_id=intent_id)
    assert await transport.void(intent_id=intent_id, key_round=2) == Voided(intent_id=intent_id)


async def test_what_is_voided_cannot_be_captured(transport: StripeTransport, order_id: str) -> None:
    intent_id = await authorised(transport, order_id)
    await transport.void(intent_id=intent_id)

    outcome = await transport.capture(intent_id=intent_id, amount_minor=2000)

    assert outcome == Impossible(intent_id=intent_id)


async def test_what_is_captured_cannot_be_voided(transport: StripeTransport, order_id: str) -> None:
    intent_id = await authorised(transport, order_id)
    captured = await transport.capture(intent_id=intent_id, amount_minor=2000)

    assert await transport.void(intent_id=intent_id) == captured


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_chargeDeclined", "generic_decline"),
        ("tok_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
async def test_a_declined_card_pays_nothing(
    transport: StripeTransport, order_id: str, token: str, code: str
) -> None:
    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=2000, currency="usd", token=token
    )

    assert isinstance(outcome, Declined)
    assert outcome.code == code
    assert outcome.intent_id is not None
    intent = await transport.retrieve(outcome.intent_id)
    assert isinstance(intent, Intent)
    assert (intent.status, intent.decline_code) == ("requires_payment_method", code)


async def test_another_card_is_another_attempt(transport: StripeTransport, order_id: str) -> None:
    declined = await transport.authorise(
        order_id=order_id,
        attempt=1,
        amount_minor=2000,
        currency="usd",
        token="tok_chargeDeclined",
    )
    outcome = await transport.authorise(
        order_id=order_id, attempt=2, amount_minor=2000, currency="usd", token="tok_visa"
    )

    assert isinstance(declined, Declined)
    assert isinstance(outcome, Authorised)
    assert outcome.intent_id != declined.intent_id


@pytest.mark.parametrize("token", ["tok_nobodys", "pm_nobodys", "ctoken_nobodys"])
async def test_what_is_no_card_does_not_pay(
    transport: StripeTransport, order_id: str, token: str
) -> None:
    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=2000, currency="usd", token=token
    )

    assert outcome == Declined(code="invalid_token")


async def test_an_amount_that_is_too_small_for_any_card(
    transport: StripeTransport, order_id: str
) -> None:
    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=10, currency="usd", token="tok_visa"
    )

    assert outcome == Declined(code="amount_too_small")


async def test_a_currency_without_decimals(transport: StripeTransport, order_id: str) -> None:
    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=1500, currency="jpy", token="tok_visa"
    )

    assert isinstance(outcome, Authorised)
    captured = await transport.capture(intent_id=outcome.intent_id, amount_minor=1500)
    assert isinstance(captured, Captured)
    assert (captured.amount_minor, captured.currency) == (1500, "jpy")


async def test_the_same_attempt_twice_is_one_intent(
    transport: StripeTransport, order_id: str
) -> None:
    first = await authorised(transport, order_id)

    assert await authorised(transport, order_id) == first


async def test_the_same_attempt_tells_what_is_true_now(
    transport: StripeTransport, order_id: str
) -> None:
    intent_id = await authorised(transport, order_id)
    await transport.void(intent_id=intent_id)

    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=2000, currency="usd", token="tok_visa"
    )

    assert outcome == Voided(intent_id=intent_id)


async def test_the_same_attempt_with_another_amount_is_a_fault_of_ours(
    transport: StripeTransport, order_id: str
) -> None:
    await authorised(transport, order_id, 2000)

    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=3000, currency="usd", token="tok_visa"
    )

    assert outcome == Unknown(reason="idempotency_error")


async def test_no_such_intent(transport: StripeTransport) -> None:
    assert await transport.retrieve("pi_nobodys") == Missing(intent_id="pi_nobodys")


async def test_a_lost_authorisation_can_be_found(transport: StripeTransport, order_id: str) -> None:
    since = SystemClock().now() - timedelta(minutes=5)
    intent_id = await authorised(transport, order_id)

    found = await transport.find(order_id=order_id, attempt=1, since=since)

    assert not isinstance(found, Unknown)
    assert [intent.id for intent in found] == [intent_id]
    assert await transport.find(order_id=order_id, attempt=2, since=since) == ()


@pytest.mark.parametrize(
    "token", ["pm_card_authenticationRequired", "pm_card_threeDSecureRequired"]
)
async def test_a_card_holder_who_is_asked_for(
    transport: StripeTransport, order_id: str, token: str
) -> None:
    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=2000, currency="usd", token=token
    )

    assert isinstance(outcome, ActionRequired)
    assert outcome.client_secret.startswith(f"{outcome.intent_id}_secret_")
    intent = await transport.retrieve(outcome.intent_id)
    assert isinstance(intent, Intent)
    assert intent.status == "requires_action"
    again = transport.standing(intent, order_id=order_id, amount_minor=2000, currency="usd")
    assert again == outcome
    assert await transport.void(intent_id=intent.id) == Voided(intent_id=intent.id)


async def captured(transport: StripeTransport, order_id: str, token: str = "tok_visa") -> str:
    outcome = await transport.authorise(
        order_id=order_id, attempt=1, amount_minor=2000, currency="usd", token=token
    )
    assert isinstance(outcome, Authorised)
    taken = await transport.capture(intent_id=outcome.intent_id, amount_minor=2000)
    assert isinstance(taken, Captured)
    return outcome.intent_id


async def test_money_goes_back_once(transport: StripeTransport, order_id: str) -> None:
    intent_id = await captured(transport, order_id)

    async def give_back(**more: int) -> object:
        return await transport.give_back(
            intent_id=intent_id, order_id=order_id, amount_minor=2000, **more
        )

    first = await give_back()

    assert isinstance(first, Refunded)
    assert first.refund_id.startswith(("re_", "pyr_"))
    assert await give_back() == await give_back(refund_round=2, key_round=2) == first
    assert await transport.refund(first.refund_id) == first


async def test_what_was_not_taken_cannot_be_given_back(
    transport: StripeTransport, order_id: str
) -> None:
    intent_id = await authorised(transport, order_id)

    outcome = await transport.give_back(intent_id=intent_id, order_id=order_id, amount_minor=2000)

    assert isinstance(outcome, RefundFailed)
    assert await transport.void(intent_id=intent_id) == Voided(intent_id=intent_id)


async def test_what_happened_can_be_read(transport: StripeTransport, order_id: str) -> None:
    began = SystemClock().now()
    intent_id = await captured(transport, order_id)
    await transport.give_back(intent_id=intent_id, order_id=order_id, amount_minor=2000)

    events = await transport.events(
        since=began - timedelta(minutes=5), until=began + timedelta(minutes=5)
    )

    assert not isinstance(events, Unknown)
    ours = [event for event in events if event.order_id == order_id]
    assert {event.intent_id for event in ours} == {intent_id}
    assert [(event.type, event.status) for event in reversed(ours) if not event.is_refund] == [
        ("payment_intent.amount_capturable_updated", "requires_capture"),
        ("payment_intent.succeeded", "succeeded"),
    ]
    assert {"charge.refunded", "refund.created"} <= {event.type for event in ours}


async def test_the_sandbox_answers_in_the_shape_of_the_sdks_types(tmp_path: Path) -> None:
    data = {"amount": "2000", "currency": "usd"}
    headers = {"Authorization": f"Bearer {TEST_KEY}"}
    async with (
        running_sandbox(tmp_path) as base_url,
        aiohttp.ClientSession(base_url, headers=headers) as session,
        session.post("/v1/payment_intents", data=data) as answer,
    ):
        body = await answer.json()

    assert body.keys() == stripe.PaymentIntent.__annotations__.keys() - {"OBJECT_NAME"}
    assert body["object"] == stripe.PaymentIntent.OBJECT_NAME
    assert body["status"] == "requires_payment_method"
    assert body["client_secret"].startswith(f"{body['id']}_secret_")
