"""A PaymentIntent and its status machine. Pure: no clock, no I/O, ids are handed in.

    requires_payment_method -> requires_confirmation -> [the bank] -> requires_capture -> succeeded
             ^                          |                ^  |  |
             |                          +- requires_action  |  +- automatic capture -> succeeded
             |                                 |            |
             +-- 3-D Secure failed ------------+            |
             +-- declined ----------------------------------+
    every status but succeeded and canceled -> canceled

Where the card holder has to answer (3-D Secure), Stripe redirects unless `use_stripe_sdk` is given;
here it is always the SDK's affair.

Source: https://docs.stripe.com/payments/paymentintents/lifecycle.
"""

from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from ticketing.payments.sandbox.cards import NO_AUTHENTICATION, Card, Decline
from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["AMOUNT_MAX", "MINIMUMS", "Intent", "Status", "cancel", "capture", "check_amount"]

# Eight digits, whatever the currency: https://docs.stripe.com/currencies#minimum-and-maximum.
AMOUNT_MAX: Final = 99_999_999

# Currencies whose smallest charge follows the currency that the account is paid out in: 1 must do.
_NO_MINIMUM: Final = (
    *("cny", "idr", "ils", "php", "try", "twd", "zar"),
    *("clp", "krw", "vnd", "xaf", "xof"),
)

# The smallest charge in minor units, from the same page.
MINIMUMS: Final[dict[str, int]] = {
    **dict.fromkeys(("aud", "brl", "cad", "chf", "eur", "inr", "nzd", "sgd", "usd"), 50),
    "aed": 200,
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "jpy": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
    **dict.fromkeys(_NO_MINIMUM, 1),
}


class Status(StrEnum):
    """Where an intent stands."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    """The card holder has to answer the bank (3-D Secure)."""
    REQUIRES_CAPTURE = "requires_capture"
    """The bank holds the money for us; none has moved."""
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


_CANCELABLE: Final = (
    Status.REQUIRES_PAYMENT_METHOD,
    Status.REQUIRES_CONFIRMATION,
    Status.REQUIRES_ACTION,
    Status.REQUIRES_CAPTURE,
)

# Where another card may still be given.
_OPEN: Final = _CANCELABLE[:-1]


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be paid and how far it has come. Amounts are minor units, times Unix seconds."""

    id: str
    client_secret: str
    created: int
    amount: int
    currency: str
    capture_method: str
    status: Status = Status.REQUIRES_PAYMENT_METHOD
    amount_received: int = 0
    metadata: dict[str, str] = {}
    description: str | None = None
    payment_method: str | None = None
    card: Card | None = None
    latest_charge: str | None = None
    decline: Decline | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    idempotency_key: str | None = None
    """The key of the request that created it."""
    action: str | None = None
    """The id of the authentication that the card holder has to answer."""
    return_url: str | None = None
    amount_refunded: int = 0
    """What was given back, or is on its way."""

    @property
    def amount_capturable(self) -> int:
        return self.amount if self.status is Status.REQUIRES_CAPTURE else 0

    def with_card(self, card: Card, method_id: str) -> "Intent":
        """The same intent with a payment method: ready to be confirmed."""
        if self.status not in _OPEN:
            raise _unexpected(self, "given a payment method")
        return replace(
            self,
            status=Status.REQUIRES_CONFIRMATION,
            card=card,
            payment_method=method_id,
            action=None,
        )

    def confirm(self, attempt: str) -> "Intent":
        """Ask the bank, or first the card holder if the bank wants that.

        A decline is an outcome, not an error: see `decline` of the result. *attempt* names the
        charge and the authentication, after their prefixes.

        Raises:
            Refusal: there is no payment method, or the status does not allow it.

        """
        if self.status not in (Status.REQUIRES_CONFIRMATION, Status.REQUIRES_ACTION):
            raise _unexpected(self, "confirmed")
        if self.card is None:
            raise _unexpected(self, "confirmed")
        if self.card.asks:
            action = f"payatt_{attempt}"
            return replace(self, status=Status.REQUIRES_ACTION, action=action, decline=None)
        return self._charged(self.card, attempt)

    def authenticate(self, attempt: str, *, passed: bool) -> "Intent":
        """The card holder has answered; if well, the bank is asked.

        Raises:
            Refusal: nobody was asked.

        """
        if self.status is not Status.REQUIRES_ACTION or self.card is None:
            raise _unexpected(self, "authenticated")
        if passed:
            return self._charged(self.card, attempt)
        return replace(self._without_card(), decline=NO_AUTHENTICATION)

    def _charged(self, card: Card, attempt: str) -> "Intent":
        charge = f"ch_{attempt}"
        if card.decline is not None:
            return replace(self._without_card(), latest_charge=charge, decline=card.decline)
        manual = self.capture_method == "manual"
        return replace(
            self,
            status=Status.REQUIRES_CAPTURE if manual else Status.SUCCEEDED,
            amount_received=0 if manual else self.amount,
            latest_charge=charge,
            decline=None,
            action=None,
        )

    def _without_card(self) -> "Intent":
        return replace(
            self,
            status=Status.REQUIRES_PAYMENT_METHOD,
            card=None,
            payment_method=None,
            action=None,
        )


def capture(intent: Intent, amount: int | None) -> Intent:
    """Take *amount* of the held money, all of it by default, and release the rest.

    Raises:
        Refusal: nothing is held, or less than *amount*.

    """
    if intent.status is not Status.REQUIRES_CAPTURE:
        raise _unexpected(intent, "captured")
    if amount is not None and amount > intent.amount_capturable:
        raise Refusal(
            f"Only {intent.amount_capturable} can be captured.",
            code="amount_too_large",
            param="amount_to_capture",
            kept=True,
        )
    return replace(intent, status=Status.SUCCEEDED, amount_received=amount or intent.amount)


def cancel(intent: Intent, reason: str | None, now: int) -> Intent:
    """Drop the intent and release what is held.

    Raises:
        Refusal: the money is taken already, or the intent is canceled already.

    """
    if intent.status not in _CANCELABLE:
        raise _unexpected(intent, "canceled")
    return replace(
        intent,
        status=Status.CANCELED,
        canceled_at=now,
        cancellation_reason=reason,
        action=None,
    )


def check_amount(amount: int, currency: str) -> None:
    """Refuse a currency that Stripe does not know and an amount that it does not charge."""
    if currency not in MINIMUMS:
        raise Refusal(f"Invalid currency: {currency}.", param="currency")
    if amount < MINIMUMS[currency]:
        raise Refusal(
            f"Amount must be at least {MINIMUMS[currency]} {currency}.",
            code="amount_too_small",
            param="amount",
        )
    if amount > AMOUNT_MAX:
        raise Refusal(
            f"Amount must be no more than {AMOUNT_MAX}.", code="amount_too_large", param="amount"
        )


def _unexpected(intent: Intent, done: str) -> Refusal:
    return Refusal.unexpected_state(
        f"This PaymentIntent could not be {done} because it has a status of {intent.status.value}."
    )
