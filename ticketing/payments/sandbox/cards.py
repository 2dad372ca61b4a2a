"""The test cards: what a test token or test payment method stands for, and what its bank says.

Source: https://docs.stripe.com/testing. Real card numbers are never accepted here.
"""

from typing import Final

import msgspec

from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["Card", "Decline", "card_of_method", "card_of_token"]


class Decline(msgspec.Struct, frozen=True):
    """Why a bank says no: Stripe's error code, the bank's decline code, words for the holder."""

    code: str
    decline_code: str
    message: str


class Card(msgspec.Struct, frozen=True):
    """A test card. Without a decline it pays for everything."""

    brand: str
    decline: Decline | None = None


_DECLINED: Final = Decline("card_declined", "generic_decline", "Your card was declined.")
_NO_FUNDS: Final = Decline("card_declined", "insufficient_funds", "Your card has no such funds.")

_VISA: Final = Card("visa")
_MASTERCARD: Final = Card("mastercard")
_VISA_DECLINED: Final = Card("visa", _DECLINED)
_VISA_NO_FUNDS: Final = Card("visa", _NO_FUNDS)

_METHODS: Final = {
    "pm_card_visa": _VISA,
    "pm_card_mastercard": _MASTERCARD,
    "pm_card_visa_chargeDeclined": _VISA_DECLINED,
    "pm_card_visa_chargeDeclinedInsufficientFunds": _VISA_NO_FUNDS,
}

_TOKENS: Final = {
    "tok_visa": _VISA,
    "tok_mastercard": _MASTERCARD,
    "tok_chargeDeclined": _VISA_DECLINED,
    "tok_chargeDeclinedInsufficientFunds": _VISA_NO_FUNDS,
    "tok_visa_chargeDeclined": _VISA_DECLINED,
    "tok_visa_chargeDeclinedInsufficientFunds": _VISA_NO_FUNDS,
}


def card_of_method(name: str) -> Card:
    """The card behind a test payment method.

    Raises:
        Refusal: resource_missing; a token given as a payment method is not one either.

    """
    card = _METHODS.get(name)
    if card is None:
        raise Refusal.missing("PaymentMethod", name, param="payment_method")
    return card


def card_of_token(name: str) -> Card:
    """The card behind a test token.

    Raises:
        Refusal: resource_missing.

    """
    card = _TOKENS.get(name)
    if card is None:
        raise Refusal.missing("token", name, param="payment_method_data[card][token]")
    return card
