"""The sandbox's test cards, and what a form of a card must have."""

import pytest

from ticketing.payments.sandbox import cards, tokens
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.refusals import Refusal
from ticketing.payments.sandbox.tokens import ConfirmationToken

FIELDS = {
    "payment_method_data[card][number]": "4242424242424242",
    "payment_method_data[card][exp_month]": "12",
    "payment_method_data[card][exp_year]": "34",
    "payment_method_data[card][cvc]": "123",
}


@pytest.mark.parametrize(
    ("number", "method", "code", "decline_code"),
    [
        ("4000000000000002", "visa_chargeDeclined", "card_declined", "generic_decline"),
        (
            "4000000000009995",
            "visa_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        ("4000000000009987", "visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("4000000000009979", "visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("4000000000000069", "chargeDeclinedExpiredCard", "expired_card", None),
        ("4000000000000127", "chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("4000000000000119", "chargeDeclinedProcessingError", "processing_error", None),
    ],
)
def test_a_declined_card_has_three_names(
    number: str, method: str, code: str, decline_code: str | None
) -> None:
    card = cards.card_of_number(number)

    assert card.decline is not None
    assert (card.decline.code, card.decline.decline_code) == (code, decline_code)
    assert cards.card_of_method(f"pm_card_{method}") == cards.card_of_token(f"tok_{method}") == card


@pytest.mark.parametrize(
    "method",
    [
        "authenticationRequired",
        "authenticationRequiredOnSetup",
        "authenticationRequiredSetupForOffSession",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "threeDSecure2Required",
        "threeDSecureRequired",
        "threeDSecureRequiredChargeDeclined",
    ],
)
def test_cards_that_ask_their_holder(method: str) -> None:
    card = cards.card_of_method(f"pm_card_{method}")

    assert card.asks
    assert (card.decline is not None) == ("ChargeDeclined" in method)


def test_a_number_may_be_written_in_groups() -> None:
    assert cards.card_of_number("4242 4242-4242 4242").last4 == "4242"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4242424242424241", "incorrect_number"),
        ("4242", "incorrect_number"),
        ("", "parameter_missing"),
        ("four", "incorrect_number"),
        ("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "incorrect_number"),
        # It could be somebody's.
        ("4539578763621486", "card_declined"),
    ],
)
def test_what_is_no_test_number_is_not_repeated(number: str, code: str) -> None:
    form = Form((FIELDS | {"payment_method_data[card][number]": number}).items())

    with pytest.raises(Refusal) as refused:
        tokens.card_given(form, 2026)
    assert refused.value.code == code
    assert refused.value.param == "payment_method_data[card][number]"
    assert not number or number not in refused.value.message


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("exp_month", "0", "invalid_expiry_month"),
        ("exp_month", "13", "invalid_expiry_month"),
        ("exp_month", "", "invalid_expiry_month"),
        ("exp_year", "25", "invalid_expiry_year"),
        ("exp_year", "2077", "invalid_expiry_year"),
        ("exp_year", "-1", "invalid_expiry_year"),
        ("cvc", "12", "invalid_cvc"),
        ("cvc", "12345", "invalid_cvc"),
        ("cvc", "abc", "invalid_cvc"),
    ],
)
def test_a_card_that_cannot_be(field: str, value: str, code: str) -> None:
    form = Form((FIELDS | {f"payment_method_data[card][{field}]": value}).items())

    with pytest.raises(Refusal) as refused:
        tokens.card_given(form, 2026)
    assert (refused.value.status, refused.value.kind, refused.value.code) == (
        402,
        "card_error",
        code,
    )


@pytest.mark.parametrize(("year", "expected"), [("34", 2034), ("2034", 2034), ("26", 2026)])
def test_years_have_two_digits_or_four(year: str, expected: int) -> None:
    form = Form((FIELDS | {"payment_method_data[card][exp_year]": year}).items())

    assert tokens.card_given(form, 2026)[1:] == (12, expected)


def test_nothing_of_a_number_is_left_to_keep() -> None:
    left = tokens.without_card_data(FIELDS.items())

    assert [value for _, value in left] == ["", "12", "34", ""]


def token() -> ConfirmationToken:
    card = cards.card_of_token("tok_visa")
    return ConfirmationToken(id="ctoken_1", created=100, card=card, exp_month=12, exp_year=2034)


def test_a_token_is_used_once() -> None:
    used = tokens.use(token(), "pi_1", 101)

    assert used.payment_intent == "pi_1"
    with pytest.raises(Refusal) as refused:
        tokens.use(used, "pi_2", 102)
    assert (refused.value.param, refused.value.kept) == ("confirmation_token", False)


def test_a_token_lasts_twelve_hours() -> None:
    tokens.use(token(), "pi_1", 99 + tokens.LIFE_SECONDS)

    with pytest.raises(Refusal) as refused:
        tokens.use(token(), "pi_1", 100 + tokens.LIFE_SECONDS)
    assert (refused.value.code, refused.value.param) == ("resource_missing", "confirmation_token")
