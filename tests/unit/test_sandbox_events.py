"""The sandbox's events and signatures."""

from collections.abc import Callable

import pytest
import stripe
from msgspec.structs import replace

from ticketing.payments.sandbox import events, intents, objects, refunds
from ticketing.payments.sandbox.cards import card_of_method
from ticketing.payments.sandbox.intents import Intent, Status
from ticketing.payments.sandbox.webhooks import Webhooks, signature

START = Intent(
    id="pi_1",
    client_secret="pi_1_secret_1",
    created=1,
    amount=2000,
    currency="usd",
    capture_method="manual",
    metadata={"order_id": "o1"},
)


def confirmed(method: str = "pm_card_visa") -> Intent:
    return START.with_card(card_of_method(method), "pm_1").confirm("1")


def declined_again(intent: Intent) -> Intent:
    card = card_of_method("pm_card_visa_chargeDeclined")
    return intent.with_card(card, "pm_2").confirm("2")


def types(before: Intent | None, after: Intent) -> list[str]:
    return [happened.type for happened in events.of_intent(before, after)]


ASKED = confirmed("pm_card_authenticationRequired")
DECLINED = confirmed("pm_card_visa_chargeDeclined")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, START, ["created"]),
        (None, START.with_card(card_of_method("pm_card_visa"), "pm_1"), ["created"]),
        (None, confirmed(), ["created", "amount_capturable_updated"]),
        (None, ASKED, ["created", "requires_action"]),
        (None, DECLINED, ["created", "payment_failed"]),
        (START, confirmed(), ["amount_capturable_updated"]),
        (DECLINED, declined_again(DECLINED), ["payment_failed"]),
        (ASKED, ASKED.confirm("2"), ["requires_action"]),
        (ASKED, ASKED.authenticate("2", passed=True), ["amount_capturable_updated"]),
        (ASKED, ASKED.authenticate("2", passed=False), ["payment_failed"]),
        (ASKED, intents.cancel(ASKED, None, 7), ["canceled"]),
        (confirmed(), intents.capture(confirmed(), None), ["succeeded"]),
        (confirmed(), intents.cancel(confirmed(), None, 7), ["canceled"]),
        (START, START, []),
        (confirmed(), replace(confirmed(), amount_refunded=1), []),
    ],
)
def test_every_transition_is_told(
    before: Intent | None, after: Intent, expected: list[str]
) -> None:
    assert types(before, after) == [f"payment_intent.{each}" for each in expected]


def test_an_event_shows_the_object_as_it_was_then() -> None:
    created, updated = events.of_intent(None, confirmed())

    assert created.intent is not None
    assert (created.intent.status, created.intent.latest_charge) == (
        Status.REQUIRES_PAYMENT_METHOD,
        None,
    )
    assert updated.intent == confirmed()


def test_a_refund_is_told_with_its_charge() -> None:
    refund, intent = refunds.give_back(intents.capture(confirmed(), None), 500, "re_1", 5)

    made, charge = events.of_refund(None, refund, intent)

    assert (made.type, made.refund) == ("refund.created", refund)
    assert charge.type == "charge.refunded"
    shape = objects.charge_shape(intent)
    assert (shape["amount_refunded"], shape["refunded"]) == (500, False)


def test_a_failed_refund_is_told_twice() -> None:
    paid = intents.capture(confirmed("pm_card_refundFail"), None)
    refund, intent = refunds.give_back(paid, None, "re_1", 5)
    failed, intent = refunds.settle(refund, intent)

    told = list(events.of_refund(refund, failed, intent))

    assert [each.type for each in told] == ["refund.updated", "refund.failed"]
    assert told[0].previous == {"status": "succeeded"}


def test_the_signature_is_the_one_that_the_sdk_makes() -> None:
    body = '{"id": "evt_1", "name": "Zürich"}'

    signed = signature(body.encode(), "whsec_1", 1767225600)

    made: Callable[..., str] = stripe.WebhookSignature.generate_signature_header
    assert signed == made(body, "whsec_1", timestamp=1767225600)


@pytest.mark.parametrize(("url", "secret"), [("file:///etc", "s"), ("http://a", " "), ("", "s")])
def test_an_endpoint_has_an_address_and_a_secret(url: str, secret: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Webhooks(url=url, secret=secret)


def test_a_secret_is_not_shown() -> None:
    assert "whsec" not in repr(Webhooks(url="http://a", secret="whsec_1"))
