"""Events: what happened, with the object as it was then. Pure.

Source: https://docs.stripe.com/api/events and https://docs.stripe.com/api/events/types.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from ticketing.payments.sandbox.intents import Intent, Status
from ticketing.payments.sandbox.refunds import Refund, RefundStatus

__all__ = ["KEEP_SECONDS", "Event", "Happening", "of_intent", "of_refund"]

# How far back Stripe tells of them.
KEEP_SECONDS: Final = 30 * 24 * 60 * 60

_TYPES: Final = {
    Status.REQUIRES_PAYMENT_METHOD: "payment_intent.payment_failed",
    Status.REQUIRES_ACTION: "payment_intent.requires_action",
    Status.REQUIRES_CAPTURE: "payment_intent.amount_capturable_updated",
    Status.SUCCEEDED: "payment_intent.succeeded",
    Status.CANCELED: "payment_intent.canceled",
}


class Happening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened, and to what: exactly one of *intent*, *charge* and *refund*."""

    type: str
    intent: Intent | None = None
    charge: Intent | None = None
    """The charge of this intent; there is one a paid intent, and nothing else is known of it."""
    refund: Refund | None = None
    previous: dict[str, str | None] | None = None
    """The attributes that an update changed, as they were before it."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A happening with its number, and the request that made it happen. *created*: Unix seconds."""

    id: str
    created: int
    what: Happening
    request_id: str | None = None
    idempotency_key: str | None = None
    awaited: bool = False
    """A webhook endpoint was there to be told."""

    @property
    def order_id(self) -> str | None:
        """The order that it is about, by the metadata."""
        subject = self.what.intent or self.what.charge or self.what.refund
        return None if subject is None else subject.metadata.get("order_id")


def of_intent(before: Intent | None, after: Intent) -> Iterator[Happening]:
    """What it means that *before*, if there was one, is now *after*."""
    if before is None:
        before = _blank(after)
        yield Happening(type="payment_intent.created", intent=before)
    if after.status not in _TYPES or _moments(before) == _moments(after):
        return
    if after.status is Status.REQUIRES_PAYMENT_METHOD and after.decline is None:
        return
    yield Happening(type=_TYPES[after.status], intent=after)


def of_refund(before: Refund | None, after: Refund, intent: Intent) -> Iterator[Happening]:
    """What it means for a refund of *intent*, which is as it is after it."""
    if before is None:
        yield Happening(type="refund.created", refund=after)
        yield Happening(type="charge.refunded", charge=intent)
        return
    yield Happening(type="refund.updated", refund=after, previous={"status": before.status.value})
    if after.status is RefundStatus.FAILED:
        yield Happening(type="refund.failed", refund=after)


def _blank(intent: Intent) -> Intent:
    """The intent before anything was confirmed."""
    if intent.status is Status.REQUIRES_CONFIRMATION:
        return intent
    return replace(
        intent,
        status=Status.REQUIRES_PAYMENT_METHOD,
        amount_received=0,
        card=None,
        payment_method=None,
        latest_charge=None,
        decline=None,
        action=None,
    )


def _moments(intent: Intent) -> tuple[Status, str | None, str | None]:
    """A second decline leaves the status as it was, but it is another charge."""
    return intent.status, intent.latest_charge, intent.action
