"""What Stripe's objects look like on the way, as far as they are of use, and what is read of them.

The fields that must be there are required here: an answer without them is no answer.
"""

import msgspec
import structlog

from ticketing.payments.outcomes import Happened, Intent
from ticketing.payments.stripe_events import Event, happened

__all__ = ["EventPage", "IntentPage", "Refund", "RefundPage", "read_intent", "read_refund"]

log = structlog.get_logger("ticketing.stripe")


class _Error(msgspec.Struct, frozen=True):
    """The last payment error of an intent, as far as it is of use."""

    code: str | None = None
    decline_code: str | None = None


class _Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A PaymentIntent as it comes."""

    object: str
    id: str
    status: str
    amount: int
    amount_capturable: int
    amount_received: int
    currency: str
    livemode: bool
    metadata: dict[str, str]
    latest_charge: str | None = None
    last_payment_error: _Error | None = None
    client_secret: str | None = None

    def known(self) -> Intent:
        attempt = self.metadata.get("attempt", "")
        error = self.last_payment_error or _Error()
        return Intent(
            id=self.id,
            status=self.status,
            amount_minor=self.amount,
            amount_capturable_minor=self.amount_capturable,
            amount_received_minor=self.amount_received,
            currency=self.currency,
            livemode=self.livemode,
            order_id=self.metadata.get("order_id"),
            attempt=int(attempt) if attempt.isdecimal() else None,
            charge_id=self.latest_charge,
            decline_code=error.decline_code or error.code,
            client_secret=self.client_secret,
        )


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as it comes, and as it is now."""

    object: str
    id: str
    amount: int
    payment_intent: str
    status: str | None = None
    """`succeeded`, `pending`, `requires_action`, `failed` or `canceled`."""
    failure_reason: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def is_dead(self) -> bool:
        """It gives no money back, and never will."""
        return self.status in ("failed", "canceled")

    @property
    def round(self) -> str | None:
        """Which of our tries made it; None for somebody else's."""
        return (self.metadata or {}).get("round")


class IntentPage(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_Intent]
    has_more: bool

    def known(self) -> tuple[Intent, ...]:
        return tuple(intent.known() for intent in self.data)


class RefundPage(msgspec.Struct, frozen=True, kw_only=True):
    data: list[Refund]
    has_more: bool


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    data: list[Event]
    has_more: bool

    def happened(self, *, live: bool) -> tuple[Happened, ...]:
        """What the events tell. One that cannot be read must not hide those that can."""
        return tuple(
            told
            for event in self.data
            if event.livemode is live and (told := _told(event)) is not None
        )


def read_intent(data: object) -> Intent | None:
    """The intent that *data* is; None if it is none."""
    try:
        intent = msgspec.convert(data, _Intent)
    except msgspec.ValidationError:
        return None
    return intent.known() if intent.object == "payment_intent" else None


def read_refund(data: object) -> Refund | None:
    """The refund that *data* is; None if it is none."""
    try:
        refund = msgspec.convert(data, Refund)
    except msgspec.ValidationError:
        return None
    return refund if refund.object == "refund" else None


def _told(event: Event) -> Happened | None:
    try:
        return happened(event)
    except (msgspec.DecodeError, RecursionError):
        log.warning("stripe.event_unreadable", id=event.id, type=event.type)
        return None
