"""What else we rely on of Stripe, through the SDK itself: 3-D Secure, tokens, refunds, events.

The same scenarios against the sandbox and, with `STRIPE_TEST_KEY`, against Stripe; what only the
sandbox can do (a card holder who answers) is for the sandbox alone.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import pytest_asyncio
import stripe

from actors.clock import SystemClock
from tests.support.sandbox import INTENTS, TEST_KEY, Wire, wire_to
from tests.support.stripe_types import check
from tests.support.wait import until
from ticketing.payments.sandbox import running_sandbox
from ticketing.payments.sandbox.objects import API_VERSION

STRIPE_KEY = os.environ.get("STRIPE_TEST_KEY")

with_stripe = pytest.mark.skipif(STRIPE_KEY is None, reason="STRIPE_TEST_KEY is not set")

T = TypeVar("T", bound=stripe.StripeObject)


@asynccontextmanager
async def client_to(base_url: str | None, key: str) -> AsyncIterator[stripe.StripeClient]:
    http = stripe.AIOHTTPClient()
    addresses: Any = {} if base_url is None else {"api": base_url}
    try:
        yield stripe.StripeClient(key, http_client=http, base_addresses=addresses)
    finally:
        await http.close_async()  # type: ignore[no-untyped-call]


@pytest_asyncio.fixture(params=["sandbox", pytest.param("stripe", marks=with_stripe)])
async def client(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[stripe.StripeClient]:
    if request.param == "stripe":
        assert STRIPE_KEY is not None
        assert STRIPE_KEY.startswith(("sk_test_", "rk_test_")), "not with real money"
        async with client_to(None, STRIPE_KEY) as real:
            yield real
        return
    async with running_sandbox(tmp_path) as base_url, client_to(base_url, TEST_KEY) as ours:
        yield ours


@pytest_asyncio.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    async with running_sandbox(tmp_path) as base_url, wire_to(base_url) as made:
        yield made


async def pay(client: stripe.StripeClient, **more: Any) -> stripe.PaymentIntent:
    params: dict[str, Any] = {
        "amount": 2000,
        "currency": "usd",
        "capture_method": "manual",
        "confirm": True,
        "allowed_payment_method_types": ["card"],
        "metadata": {"order_id": "o1"},
    }
    return await client.v1.payment_intents.create_async(params | more)  # type: ignore[arg-type]


async def captured(
    client: stripe.StripeClient, method: str = "pm_card_visa"
) -> stripe.PaymentIntent:
    intent = await pay(client, payment_method=method)
    return await client.v1.payment_intents.capture_async(intent.id)


def fits(got: T) -> T:
    """What came is what the SDK calls it."""
    response: Any = got.last_response
    check(response.data, type(got))
    return got


async def refused(call: Callable[[], Awaitable[object]]) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        await call()
    return caught.value


def test_the_sandbox_speaks_the_sdks_version() -> None:
    assert stripe.api_version == API_VERSION


async def test_3d_secure_waits_for_the_card_holder(client: stripe.StripeClient) -> None:
    intent = fits(
        await pay(client, payment_method="pm_card_authenticationRequired", use_stripe_sdk=True)
    )

    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.type == "use_stripe_sdk"
    assert (intent.amount_capturable, intent.latest_charge) == (0, None)
    canceled = fits(await client.v1.payment_intents.cancel_async(intent.id))
    assert canceled.status == "canceled"


async def test_what_waits_for_the_card_holder_cannot_be_captured(
    client: stripe.StripeClient,
) -> None:
    intent = await pay(client, payment_method="pm_card_authenticationRequired", use_stripe_sdk=True)

    error = await refused(lambda: client.v1.payment_intents.capture_async(intent.id))

    assert error.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
    ],
)
async def test_a_decline_says_why(
    client: stripe.StripeClient, method: str, code: str, decline_code: str | None
) -> None:
    error = await refused(lambda: pay(client, payment_method=method))

    assert isinstance(error, stripe.CardError)
    assert error.code == code
    body: Any = error.json_body
    if decline_code is not None:
        assert body["error"]["decline_code"] == decline_code
    assert body["error"]["payment_intent"]["status"] == "requires_payment_method"


async def test_a_confirmation_token_pays_once(client: stripe.StripeClient) -> None:
    helper = client.v1.test_helpers.confirmation_tokens
    token = fits(await helper.create_async({"payment_method": "pm_card_visa"}))
    assert token.id.startswith("ctoken_")
    assert (token.payment_intent, token.livemode) == (None, False)
    assert token.expires_at is not None

    paid = fits(await pay(client, confirmation_token=token.id))
    error = await refused(lambda: pay(client, confirmation_token=token.id))

    assert paid.status == "requires_capture"
    assert isinstance(error, stripe.InvalidRequestError)
    used = fits(await client.v1.confirmation_tokens.retrieve_async(token.id))
    assert used.payment_intent == paid.id


async def test_a_captured_payment_is_given_back_once(client: stripe.StripeClient) -> None:
    intent = fits(await captured(client))

    refund = fits(
        await client.v1.refunds.create_async(
            {
                "payment_intent": intent.id,
                "reason": "requested_by_customer",
                "metadata": {"order_id": "o1"},
            },
            {"idempotency_key": str(uuid4())},
        )
    )
    error = await refused(lambda: client.v1.refunds.create_async({"payment_intent": intent.id}))

    assert (refund.amount, refund.currency, refund.status) == (2000, "usd", "succeeded")
    assert (refund.payment_intent, refund.charge) == (intent.id, intent.latest_charge)
    assert (error.http_status, error.code) == (400, "charge_already_refunded")
    assert fits(await client.v1.refunds.retrieve_async(refund.id)).id == refund.id


async def test_never_more_than_was_captured_goes_back(client: stripe.StripeClient) -> None:
    intent = await captured(client)

    async def give_back(amount: int) -> stripe.Refund:
        return await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": amount})

    await give_back(1500)
    error = await refused(lambda: give_back(501))
    await give_back(500)

    assert error.http_status == 400
    listed = await client.v1.refunds.list_async({"payment_intent": intent.id})
    assert [refund.amount for refund in listed.data] == [500, 1500]


async def test_the_same_key_is_the_same_refund(client: stripe.StripeClient) -> None:
    intent = await captured(client)
    key = str(uuid4())

    async def give_back(amount: int) -> stripe.Refund:
        return await client.v1.refunds.create_async(
            {"payment_intent": intent.id, "amount": amount}, {"idempotency_key": key}
        )

    first, again = await give_back(500), await give_back(500)
    error = await refused(lambda: give_back(501))

    assert first.id == again.id
    assert isinstance(error, stripe.IdempotencyError)


async def test_what_was_not_captured_does_not_go_back(client: stripe.StripeClient) -> None:
    intent = await pay(client, payment_method="pm_card_visa")

    error = await refused(lambda: client.v1.refunds.create_async({"payment_intent": intent.id}))

    assert isinstance(error, stripe.InvalidRequestError)


@pytest.mark.parametrize(
    ("method", "first"), [("pm_card_pendingRefund", "pending"), ("pm_card_refundFail", "succeeded")]
)
async def test_the_cards_whose_refunds_are_slow(
    client: stripe.StripeClient, method: str, first: str
) -> None:
    intent = await captured(client, method)

    refund = fits(await client.v1.refunds.create_async({"payment_intent": intent.id}))

    assert refund.status == first


async def test_events_tell_what_happened(client: stripe.StripeClient) -> None:
    since = int(SystemClock().now().timestamp()) - 60
    intent = await captured(client)
    await client.v1.refunds.create_async({"payment_intent": intent.id})

    async def found() -> dict[str, Any]:
        types = ["payment_intent.succeeded", "charge.refunded", "refund.created"]
        listed = await client.v1.events.list_async(
            {"created": {"gte": since}, "types": types, "limit": 100}
        )
        by_type: dict[str, Any] = {}
        for event in listed.data:
            subject = event.data.object.to_dict()
            if intent.id in (subject["id"], subject.get("payment_intent")):
                by_type[event.type] = event
        return by_type if len(by_type) == len(types) else {}

    events: dict[str, Any] = await until(found, "three events of that intent")

    taken = fits(await client.v1.events.retrieve_async(events["payment_intent.succeeded"].id))
    assert (taken.livemode, taken.object) == (False, "event")
    assert taken.data.object["amount_received"] == 2000
    assert events["charge.refunded"].data.object["amount_refunded"] == 2000


KINDS: dict[str, type[stripe.StripeObject]] = {
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
}


async def test_every_snapshot_of_the_sandbox_has_the_shape_of_its_type(wire: Wire) -> None:
    asked = await wire.pay("pm_card_authenticationRequired")
    await wire.authenticate(asked, "fail")
    await wire.pay("pm_card_visa_chargeDeclined")
    canceled = await wire.pay()
    await wire.post(f"{INTENTS}/{canceled['id']}/cancel")
    paid = await wire.captured("pm_card_pendingRefund")
    await wire.post("/v1/refunds", {"payment_intent": paid["id"]})

    async def settled() -> bool:
        return len(await wire.events(type="refund.updated")) == 1

    await until(settled, "the refund has settled")
    events = await wire.events()

    assert {event["type"] for event in events} == {
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.payment_failed",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "refund.created",
        "refund.updated",
        "charge.refunded",
    }
    for event in events:
        check(event, stripe.Event)
        subject = event["data"]["object"]
        check(subject, KINDS[subject["object"]], f"{event['type']}: {subject['object']}")


async def test_every_error_of_the_sandbox_has_the_shape_of_the_sdks(wire: Wire) -> None:
    intent = await wire.captured()
    said = [
        await wire.post(INTENTS, {"amount": "1", "currency": "usd"}),
        await wire.post(f"{INTENTS}/{intent['id']}/cancel"),
        await wire.post("/v1/refunds", {"payment_intent": "pi_nobodys"}),
        await wire.post("/v1/refunds", {"payment_intent": intent["id"], "amount": "2001"}),
        await wire.post(INTENTS, {"amount": "2000", "currency": "usd"}, bearer="pk_test_1"),
        await wire.get("/v1/events/evt_nobodys"),
    ]

    for each in said:
        check(each.error, stripe.ErrorObject)
