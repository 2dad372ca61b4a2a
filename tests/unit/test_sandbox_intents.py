"""The sandbox's PaymentIntent: its status machine and its limits."""

from collections.abc import Callable

import pytest

from ticketing.payments.sandbox import intents
from ticketing.payments.sandbox.cards import Card, card_of_method, card_of_token
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.intents import Intent, Status
from ticketing.payments.sandbox.refusals import Refusal

GOOD = card_of_token("tok_visa")
BAD = card_of_method("pm_card_visa_chargeDeclinedInsufficientFunds")
ASKS = card_of_method("pm_card_authenticationRequired")
ASKS_AND_SAYS_NO = card_of_method("pm_card_threeDSecureRequiredChargeDeclined")


def new(capture_method: str = "manual") -> Intent:
    return Intent(
        id="pi_1",
        client_secret="pi_1_secret_1",
        created=1,
        amount=2000,
        currency="usd",
        capture_method=capture_method,
    )


def confirmed(card: Card = GOOD, capture_method: str = "manual") -> Intent:
    return new(capture_method).with_card(card, "pm_1").confirm("1")


def test_manual_capture_holds_first_and_takes_later() -> None:
    held = confirmed()
    assert (held.status, held.amount_capturable, held.amount_received) == (
        Status.REQUIRES_CAPTURE,
        2000,
        0,
    )

    taken = intents.capture(held, None)
    assert (taken.status, taken.amount_capturable, taken.amount_received) == (
        Status.SUCCEEDED,
        0,
        2000,
    )


def test_automatic_capture_takes_at_once() -> None:
    taken = confirmed(capture_method="automatic")

    assert (taken.status, taken.amount_received) == (Status.SUCCEEDED, 2000)


def test_a_part_can_be_captured_once() -> None:
    taken = intents.capture(confirmed(), 500)

    assert (taken.status, taken.amount, taken.amount_received) == (Status.SUCCEEDED, 2000, 500)
    with pytest.raises(Refusal) as refused:
        intents.capture(taken, 500)
    assert refused.value.code == "payment_intent_unexpected_state"


def test_more_than_is_held_cannot_be_captured() -> None:
    with pytest.raises(Refusal) as refused:
        intents.capture(confirmed(), 2001)

    assert (refused.value.code, refused.value.kept) == ("amount_too_large", True)


def test_a_decline_lets_another_card_try() -> None:
    declined = confirmed(BAD)
    assert declined.status is Status.REQUIRES_PAYMENT_METHOD
    assert declined.decline is not None
    assert declined.decline.decline_code == "insufficient_funds"

    paid = declined.with_card(GOOD, "pm_2").confirm("2")
    assert (paid.status, paid.decline) == (Status.REQUIRES_CAPTURE, None)


def test_a_card_holder_who_passes_has_the_money_held() -> None:
    asked = confirmed(ASKS)
    assert (asked.status, asked.amount_capturable, asked.latest_charge) == (
        Status.REQUIRES_ACTION,
        0,
        None,
    )
    assert asked.action is not None

    held = asked.authenticate("2", passed=True)
    assert (held.status, held.latest_charge, held.action) == (Status.REQUIRES_CAPTURE, "ch_2", None)


def test_a_card_holder_who_fails_may_try_another_card() -> None:
    failed = confirmed(ASKS).authenticate("2", passed=False)
    assert (failed.status, failed.payment_method) == (Status.REQUIRES_PAYMENT_METHOD, None)
    assert (failed.latest_charge, failed.action) == (None, None)
    assert failed.decline is not None
    assert failed.decline.code == "payment_intent_authentication_failure"

    assert failed.with_card(GOOD, "pm_2").confirm("3").decline is None


def test_a_bank_may_say_no_after_it_has_asked() -> None:
    declined = confirmed(ASKS_AND_SAYS_NO).authenticate("2", passed=True)

    assert (declined.status, declined.latest_charge) == (Status.REQUIRES_PAYMENT_METHOD, "ch_2")
    assert declined.decline is not None
    assert declined.decline.code == "card_declined"


def test_while_the_card_holder_is_asked_another_card_can_be_given() -> None:
    held = confirmed(ASKS).with_card(GOOD, "pm_2").confirm("2")

    assert (held.status, held.action) == (Status.REQUIRES_CAPTURE, None)


@pytest.mark.parametrize(
    "intent", [new(), new().with_card(GOOD, "pm_1"), confirmed(), confirmed(ASKS)]
)
def test_what_is_not_taken_can_be_canceled(intent: Intent) -> None:
    canceled = intents.cancel(intent, "abandoned", now=7)

    assert (canceled.status, canceled.amount_capturable) == (Status.CANCELED, 0)
    assert (canceled.canceled_at, canceled.cancellation_reason) == (7, "abandoned")


def cancel(intent: Intent) -> Intent:
    return intents.cancel(intent, None, now=7)


def capture(intent: Intent) -> Intent:
    return intents.capture(intent, None)


def confirm(intent: Intent) -> Intent:
    return intent.confirm("2")


def authenticate(intent: Intent) -> Intent:
    return intent.authenticate("2", passed=True)


def give_a_card(intent: Intent) -> Intent:
    return intent.with_card(GOOD, "pm_2")


@pytest.mark.parametrize(
    ("intent", "change"),
    [
        (new(), confirm),
        (new(), capture),
        (new(), authenticate),
        (confirmed(), authenticate),
        (confirmed(ASKS), capture),
        (authenticate(confirmed(ASKS)), authenticate),
        (cancel(confirmed(ASKS)), authenticate),
        (confirmed(), confirm),
        (confirmed(), give_a_card),
        (capture(confirmed()), capture),
        (capture(confirmed()), cancel),
        (capture(confirmed()), confirm),
        (cancel(confirmed()), capture),
        (cancel(confirmed()), cancel),
        (cancel(confirmed()), give_a_card),
    ],
)
def test_the_status_must_allow_it(intent: Intent, change: Callable[[Intent], Intent]) -> None:
    with pytest.raises(Refusal) as refused:
        change(intent)

    assert refused.value.code == "payment_intent_unexpected_state"
    assert (refused.value.status, refused.value.kept) == (400, True)


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "usd", "amount_too_small"),
        (100_000_000, "usd", "amount_too_large"),
        (49, "jpy", "amount_too_small"),
        (2000, "xxx", None),
    ],
)
def test_amounts_that_nobody_is_charged(amount: int, currency: str, code: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        intents.check_amount(amount, currency)

    assert (refused.value.code, refused.value.kept) == (code, False)


@pytest.mark.parametrize(("amount", "currency"), [(50, "usd"), (99_999_999, "eur"), (50, "jpy")])
def test_amounts_at_the_limits(amount: int, currency: str) -> None:
    intents.check_amount(amount, currency)


@pytest.mark.parametrize("value", ["20.00", "1e3", " 5", "٣", "0", "-5", "true"])
def test_an_amount_is_a_whole_positive_number(value: str) -> None:
    form = Form([("amount", value)])

    with pytest.raises(Refusal) as refused:
        form.positive("amount")
    assert refused.value.code == "parameter_invalid_integer"


@pytest.mark.parametrize("name", ["amuont", "metadata", "shipping[name]"])
def test_unknown_parameters_are_refused(name: str) -> None:
    form = Form([(name, "1"), ("metadata[order_id]", "o1")])

    with pytest.raises(Refusal) as refused:
        form.only({"amount"}, groups=("metadata",))
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", name)
