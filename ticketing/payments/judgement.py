"""What an answer of Stripe's means for an attempt: is it what was asked for, what is true now?"""

from typing import Final

import msgspec

from ticketing.payments import outcomes
from ticketing.payments.outcomes import (
    ActionRequired,
    Authorised,
    Captured,
    Declined,
    Intent,
    Mismatch,
    Unknown,
    Voided,
)
from ticketing.payments.stripe_client import Failure

__all__ = ["Asked", "different", "mismatch", "taken"]

# A fault in what the buyer gave us is a card that does not pay; a fault in anything else is ours.
_BUYERS_PARAMETERS: Final = ("payment_method", "confirmation_token", "token")
_BUYERS_CODES: Final = ("resource_missing", "token_already_used", "token_in_use")
_NO_SUCH_AMOUNT: Final = ("amount_too_small", "amount_too_large")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorisation asked for; the judge of what came back."""

    order_id: str
    amount: int
    currency: str
    live: bool

    def standing(self, intent: Intent) -> outcomes.Authorisation:
        """What *intent*, as it is now, means for the attempt."""
        wrong = self._wrong(intent)
        return _standing(intent) if wrong is None else mismatch(intent, wrong)

    def refused(self, failure: Failure) -> Declined | Mismatch | Unknown:
        """What an error answer to the request means for the attempt."""
        intent = failure.intent
        wrong = None if intent is None else self._wrong(intent)
        if intent is not None and wrong is not None:
            return mismatch(intent, wrong)
        code = _decline_code(failure)
        if code is None:
            return Unknown(reason=failure.reason, stored=failure.stored)
        return Declined(code=code, intent_id=None if intent is None else intent.id)

    def _wrong(self, intent: Intent) -> str | None:
        wrong = (
            different("amount", self.amount, intent.amount_minor)
            or different("currency", self.currency, intent.currency)
            or different("metadata.order_id", self.order_id, intent.order_id)
            or different("livemode", self.live, intent.livemode)
        )
        if wrong is None and intent.status == "requires_capture":
            return different("amount_capturable", self.amount, intent.amount_capturable_minor)
        if wrong is None and intent.status == "succeeded":
            return different("amount_received", self.amount, intent.amount_received_minor)
        return wrong


def different(field: str, expected: object, got: object) -> str | None:
    """In words, if they are."""
    return None if expected == got else f"{field}: expected {expected}, got {got}"


def mismatch(intent: Intent, what: str) -> Mismatch:
    return Mismatch(
        intent_id=intent.id,
        what=what,
        taken_minor=intent.amount_received_minor,
        currency=intent.currency,
    )


def taken(intent: Intent) -> Captured:
    return Captured(
        intent_id=intent.id,
        amount_minor=intent.amount_received_minor,
        currency=intent.currency,
        charge_id=intent.charge_id,
    )


def _standing(intent: Intent) -> outcomes.Authorisation:
    """What the status of an intent that is as it should be means for its attempt."""
    match intent.status:
        case "requires_capture":
            return Authorised(intent_id=intent.id)
        case "requires_action" if intent.client_secret is not None:
            return ActionRequired(intent_id=intent.id, client_secret=intent.client_secret)
        case "requires_payment_method" if intent.decline_code is not None:
            return Declined(code=intent.decline_code, intent_id=intent.id)
        case "succeeded":
            return taken(intent)
        case "canceled":
            return Voided(intent_id=intent.id)
        case status:
            return Unknown(reason=f"status_{status}")


def _decline_code(failure: Failure) -> str | None:
    """Why the card, or what was given for one, does not pay; None if that was not the answer."""
    if failure.status == 402 and failure.kind == "card_error":  # noqa: PLR2004 - HTTP
        return failure.decline_code or failure.code or "generic_decline"
    if failure.status not in (400, 404) or failure.kind != "invalid_request_error":
        return None
    if failure.code in _NO_SUCH_AMOUNT:
        return failure.code
    # Both are refused before anything is executed. A request to create refers to nothing but what
    # the buyer gave, so whatever is missing is that.
    param = (failure.param or "").partition("[")[0].removesuffix("_data")
    if failure.code in _BUYERS_CODES or param in _BUYERS_PARAMETERS:
        return "invalid_token"
    return None
