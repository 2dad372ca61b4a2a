"""The test cards: what a test token or test payment method stands for, and what its bank says.

Source: https://docs.stripe.com/testing. Real card numbers are never accepted here, and a number is
only ever a way to find the card: nothing keeps it.
"""

import re
from typing import Final, Literal, TypeAlias

import msgspec

from ticketing.payments.sandbox.refusals import Refusal

__all__ = [
    "NO_AUTHENTICATION",
    "TEST_MONTH",
    "TEST_YEAR",
    "Card",
    "Decline",
    "RefundFate",
    "card_of_method",
    "card_of_number",
    "card_of_token",
]

# When a test card runs out that was not given with a date of its own.
TEST_MONTH: Final = 12
TEST_YEAR: Final = 2034

RefundFate: TypeAlias = Literal["succeeds", "fails", "takes_time"]


class Decline(msgspec.Struct, frozen=True):
    """Why it was not paid: Stripe's error code, the bank's decline code, words for the holder."""

    code: str
    decline_code: str | None
    message: str
    kind: str = "card_error"


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    """A test card. Without a decline it pays for everything."""

    brand: str
    decline: Decline | None = None
    asks: bool = False
    """The bank wants to hear from the card holder (3-D Secure) before it answers."""
    refund: RefundFate = "succeeds"
    last4: str = "4242"


NO_AUTHENTICATION: Final = Decline(
    "payment_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or"
    " a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
    "invalid_request_error",
)


def _declined(decline_code: str, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", decline_code, message)


_DECLINED: Final = _declined("generic_decline")
_NO_FUNDS: Final = _declined("insufficient_funds", "Your card has insufficient funds.")
_EXPIRED: Final = Decline("expired_card", None, "Your card has expired.")
_WRONG_CVC: Final = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
_BROKEN: Final = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again later."
)

# The number, what comes after "pm_card_" and "tok_", and the card without its last digits.
_TABLE: Final[tuple[tuple[str, str, Card], ...]] = (
    ("4242424242424242", "visa", Card("visa")),
    ("4000056655665556", "visa_debit", Card("visa")),
    ("5555555555554444", "mastercard", Card("mastercard")),
    ("5200828282828210", "mastercard_debit", Card("mastercard")),
    ("5105105105105100", "mastercard_prepaid", Card("mastercard")),
    ("378282246310005", "amex", Card("amex")),
    ("6011111111111117", "discover", Card("discover")),
    ("3056930009020004", "diners", Card("diners")),
    ("3566002020360505", "jcb", Card("jcb")),
    ("6200000000000005", "unionpay", Card("unionpay")),
    # Declined.
    ("4000000000000002", "visa_chargeDeclined", Card("visa", _DECLINED)),
    ("4000000000009995", "visa_chargeDeclinedInsufficientFunds", Card("visa", _NO_FUNDS)),
    ("4000000000009987", "visa_chargeDeclinedLostCard", Card("visa", _declined("lost_card"))),
    ("4000000000009979", "visa_chargeDeclinedStolenCard", Card("visa", _declined("stolen_card"))),
    (
        "4000000000006975",
        "visa_chargeDeclinedVelocityLimitExceeded",
        Card("visa", _declined("card_velocity_exceeded")),
    ),
    ("4100000000000019", "radarBlock", Card("visa", _declined("fraudulent"))),
    ("4000000000000069", "chargeDeclinedExpiredCard", Card("visa", _EXPIRED)),
    ("4000000000000127", "chargeDeclinedIncorrectCvc", Card("visa", _WRONG_CVC)),
    ("4000000000000119", "chargeDeclinedProcessingError", Card("visa", _BROKEN)),
    # 3-D Secure.
    ("4000002500003155", "authenticationRequiredOnSetup", Card("visa", asks=True)),
    ("4000002760003184", "authenticationRequired", Card("visa", asks=True)),
    ("4000003800000446", "authenticationRequiredSetupForOffSession", Card("visa", asks=True)),
    (
        "4000008260003178",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        Card("visa", _NO_FUNDS, asks=True),
    ),
    ("4000000000003220", "threeDSecure2Required", Card("visa", asks=True)),
    ("4000000000003063", "threeDSecureRequired", Card("visa", asks=True)),
    (
        "4000008400001629",
        "threeDSecureRequiredChargeDeclined",
        Card("visa", _DECLINED, asks=True),
    ),
    # The look-up of this one fails, so that its holder is never asked.
    ("4000008400001280", "threeDSecureRequiredProcessingError", Card("visa", _DECLINED)),
    ("4000000000003055", "threeDSecureOptional", Card("visa")),
    ("4000000000003097", "threeDSecureOptionalProcessingError", Card("visa")),
    # Refunds.
    ("4000000000007726", "pendingRefund", Card("visa", refund="takes_time")),
    ("4000000000005126", "refundFail", Card("visa", refund="fails")),
)

_BY_NUMBER: Final = {
    number: msgspec.structs.replace(card, last4=number[-4:]) for number, _, card in _TABLE
}
_BY_NAME: Final = {name: _BY_NUMBER[number] for number, name, _ in _TABLE} | {
    "chargeDeclined": _BY_NUMBER["4000000000000002"],
    "chargeDeclinedInsufficientFunds": _BY_NUMBER["4000000000009995"],
}

# Numbers without a name of their own.
_MORE_NUMBERS: Final = {
    "4111111111111111": Card("visa", last4="1111"),
    "2223003122003222": Card("mastercard", last4="3222"),
    "371449635398431": Card("amex", last4="8431"),
    "6011000990139424": Card("discover", last4="9424"),
    "36227206271667": Card("diners", last4="1667"),
}

_DIGITS = re.compile(r"[0-9]{12,19}\Z", re.ASCII)


def card_of_method(name: str) -> Card:
    """The card behind a test payment method.

    Raises:
        Refusal: resource_missing; a token given as a payment method is not one either.

    """
    card = _named(name, "pm_card_")
    if card is None:
        raise Refusal.missing("PaymentMethod", name, param="payment_method")
    return card


def card_of_token(name: str) -> Card:
    """The card behind a test token.

    Raises:
        Refusal: resource_missing.

    """
    card = _named(name, "tok_")
    if card is None:
        raise Refusal.missing("token", name, param="payment_method_data[card][token]")
    return card


def card_of_number(number: str) -> Card:
    """The card with a test number; spaces and dashes between the digits do not matter.

    Raises:
        Refusal: 402, as Stripe refuses a number that cannot be one, and a real one in test mode.
            The number is not repeated.

    """
    digits = number.replace(" ", "").replace("-", "")
    param = "payment_method_data[card][number]"
    if not _DIGITS.match(digits) or _luhn(digits) != 0:
        message = "Your card number is incorrect."
        raise Refusal(message, status=402, kind="card_error", code="incorrect_number", param=param)
    card = _BY_NUMBER.get(digits) or _MORE_NUMBERS.get(digits)
    if card is None:
        raise Refusal(
            "Your card was declined. Your request was in test mode, but used a non test card.",
            status=402,
            kind="card_error",
            code="card_declined",
            decline_code="test_mode_live_card",
            param=param,
        )
    return card


def _named(name: str, start: str) -> Card | None:
    return _BY_NAME.get(name.removeprefix(start)) if name.startswith(start) else None


def _luhn(digits: str) -> int:
    """The check sum of a card number: 0 for one that can exist (ISO/IEC 7812-1, annex B)."""
    every = [int(digit) for digit in reversed(digits)]
    doubled = (sum(divmod(digit * 2, 10)) for digit in every[1::2])
    return (sum(every[::2]) + sum(doubled)) % 10
