"""Answers that are not what was asked for: nothing is believed that cannot be."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.sandbox import authorise, transport_to
from ticketing.payments.outcomes import (
    Authorisation,
    Mismatch,
    Unknown,
)
from ticketing.payments.sandbox.cards import card_of_token
from ticketing.payments.sandbox.intents import Intent
from ticketing.payments.sandbox.shapes import Json, intent_shape
from ticketing.payments.transport import StripeTransport


def test_a_live_key_goes_to_stripe_alone() -> None:
    with pytest.raises(ValueError, match="live key"):
        StripeTransport(key="sk_live_1", api_base="http://127.0.0.1:1")


def intent_json(**changes: object) -> Json:
    held_money = Intent(
        id="pi_1",
        client_secret="pi_1_secret_1",
        created=1,
        amount=2000,
        currency="usd",
        capture_method="manual",
        metadata={"order_id": "o1", "attempt": "1"},
    )
    shape = intent_shape(held_money.with_card(card_of_token("tok_visa"), "pm_1").confirm("ch_1"))
    return shape | changes


async def answered_with(answer: web.Response) -> tuple[Authorisation, object]:
    """What an authorisation and a capture make of this answer to everything."""

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(
            status=answer.status, body=answer.body, content_type=answer.content_type
        )

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    async with (
        TestServer(app) as server,
        transport_to(str(server.make_url("/")).rstrip("/")) as stripe,
    ):
        return (
            await authorise(stripe),
            await stripe.capture(intent_id="pi_1", amount_minor=2000),
        )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"amount": 1}, "amount: expected 2000, got 1"),
        ({"amount_capturable": 0}, "amount_capturable: expected 2000, got 0"),
        ({"currency": "jpy"}, "currency: expected usd, got jpy"),
        ({"metadata": {}}, "metadata.order_id: expected o1, got None"),
        ({"livemode": True}, "livemode: expected False, got True"),
    ],
)
async def test_an_intent_that_was_not_asked_for(changes: Json, what: str) -> None:
    answer = intent_json(**changes)

    outcome, _ = await answered_with(web.json_response(answer))

    assert outcome == Mismatch(intent_id="pi_1", what=what, currency=answer["currency"])


async def test_a_capture_of_another_amount() -> None:
    taken = intent_json(status="succeeded", amount_capturable=0, amount_received=1999)

    outcomes = await answered_with(web.json_response(taken))

    what = "amount_received: expected 2000, got 1999"
    wrong = Mismatch(intent_id="pi_1", what=what, taken_minor=1999, currency="usd")
    assert outcomes == (wrong, wrong)


@pytest.mark.parametrize("status", ["processing", "requires_confirmation", "new_in_2031"])
async def test_a_status_that_decides_nothing(status: str) -> None:
    outcomes = await answered_with(web.json_response(intent_json(status=status)))

    assert outcomes == (Unknown(reason=f"status_{status}"), Unknown(reason=f"status_{status}"))


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="<html>", content_type="text/html"),
        web.Response(status=402, text="<html>Payment Required</html>", content_type="text/html"),
        web.Response(status=404, text="<html>", content_type="text/html"),
        web.Response(status=503),
        web.json_response([]),
        web.json_response(7),
        web.json_response({"object": "payment_intent", "id": "pi_1"}),
        web.json_response(intent_json(object="charge")),
        web.json_response({"error": None}, status=400),
        web.json_response({"error": "invalid_grant"}, status=400),
        web.json_response({"error": {"type": "invalid_request_error"}}, status=400),
        web.json_response({"error": {"type": "invalid_request_error"}}, status=401),
        web.json_response({"error": {"type": "api_error"}}, status=402),
    ],
)
async def test_an_answer_that_is_not_stripes_is_unknown(answer: web.Response) -> None:
    outcomes = await answered_with(answer)

    assert all(isinstance(outcome, Unknown) for outcome in outcomes)
