"""Confirmation tokens: what the Payment Element collected, for one confirmation. Pure.

Source: https://docs.stripe.com/api/confirmation_tokens. The number and the security code are
looked at once and forgotten; what is kept of a card is which test card it is.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from ticketing.payments.sandbox import cards, form
from ticketing.payments.sandbox.cards import Card
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["CARD", "LIFE_SECONDS", "ConfirmationToken", "card_given", "use", "without_card_data"]

LIFE_SECONDS: Final = 12 * 60 * 60

CARD: Final = "payment_method_data[card]"

# What must be nowhere but in the request itself.
_CARD_DATA: Final = (f"{CARD}[number]", f"{CARD}[cvc]")

JANUARY: Final = 1
DECEMBER: Final = 12


class ConfirmationToken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A card that was given once, and what it was used for. Times are Unix seconds."""

    id: str
    created: int
    card: Card
    exp_month: int
    exp_year: int
    return_url: str | None = None
    payment_intent: str | None = None

    @property
    def expires_at(self) -> int:
        return self.created + LIFE_SECONDS


def use(token: ConfirmationToken, intent_id: str, now: int) -> ConfirmationToken:
    """The token, used up by *intent_id*.

    Raises:
        Refusal: it is used up already, or too old.

    """
    if token.payment_intent is not None:
        raise Refusal(
            f"The ConfirmationToken '{token.id}' has already been used.",
            code="token_already_used",
            param="confirmation_token",
        )
    if now >= token.expires_at:
        # Stripe has thrown it away by then.
        raise Refusal.missing("confirmation_token", token.id, param="confirmation_token")
    return replace(token, payment_intent=intent_id)


def card_given(form_: Form, year: int) -> tuple[Card, int, int]:
    """The test card with the number in the form, its month and its year of expiry.

    Raises:
        Refusal: 402 and card_error, as Stripe answers to what no card can have; *year* is this one.

    """
    number, month = form_.text(f"{CARD}[number]"), form_.integer(f"{CARD}[exp_month]")
    expires, cvc = form_.integer(f"{CARD}[exp_year]"), form_.text(f"{CARD}[cvc]")
    if number is None:
        raise form.missing(f"{CARD}[number]")
    card = cards.card_of_number(number)
    if month is None or not JANUARY <= month <= DECEMBER:
        raise _invalid("Your card's expiration month is invalid.", "expiry_month", "exp_month")
    if expires is None or not year <= _full(expires) <= year + 50:
        raise _invalid("Your card's expiration year is invalid.", "expiry_year", "exp_year")
    if cvc is not None and not (cvc.isascii() and cvc.isdecimal() and len(cvc) in (3, 4)):
        raise _invalid("Your card's security code is invalid.", "cvc", "cvc")
    return card, month, _full(expires)


def without_card_data(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The parameters as far as something may be kept of them, were it only a hash."""
    return [(name, "" if name in _CARD_DATA else value) for name, value in pairs]


def _full(year: int) -> int:
    """34 is 2034."""
    return year + 2000 if 0 <= year < 100 else year  # noqa: PLR2004 - two digits


def _invalid(message: str, what: str, field: str) -> Refusal:
    return Refusal(
        message, status=402, kind="card_error", code=f"invalid_{what}", param=f"{CARD}[{field}]"
    )
