"""Stripe's events, as far as they say something of a payment: from webhooks and from the list.

Source: https://docs.stripe.com/api/events. An event holds the object as it was when it happened.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from ticketing.payments.outcomes import Happened

__all__ = ["TYPES", "Event", "happened"]

_INTENT: Final = (
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
)
_REFUND: Final = (
    "charge.refund.updated",
    "charge.refunded",
    "refund.created",
    "refund.failed",
    "refund.updated",
)

TYPES: Final = (*_INTENT, *_REFUND)
"""The types that are of interest; nothing follows from any other."""

# An intent is so before anything has come of it; the answer to our own call says more.
_NO_NEWS: Final = frozenset({"requires_action", "requires_confirmation"})

# Ours are shorter. PostgreSQL takes no U+0000.
_NAME: Final = re.compile("[!-~]{1,255}")
_Id = Annotated[str, msgspec.Meta(pattern=f"^{_NAME.pattern}$")]


class _Metadata(msgspec.Struct, frozen=True):
    # Whoever else uses the account may call anything so.
    order_id: Any = None


class _Object(msgspec.Struct, frozen=True, kw_only=True):
    """A payment intent, a refund or a charge: the last two name the intent that they belong to."""

    id: _Id
    status: _Id | None = None
    payment_intent: _Id | None = None
    metadata: _Metadata | None = None


class _Data(msgspec.Struct, frozen=True):
    object: msgspec.Raw


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it comes. Its object is read only if the type is of interest."""

    object: str
    id: str
    type: str
    created: Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
    livemode: bool
    data: _Data


def happened(event: Event) -> Happened | None:
    """What *event* says of a payment; None if that is no news, or if it names no intent or order.

    Raises:
        msgspec.ValidationError: the object is not what it is for events of this type.

    """
    if event.type not in TYPES:
        return None
    what = msgspec.json.decode(event.data.object, type=_Object)
    is_refund = event.type in _REFUND
    intent_id = what.payment_intent if is_refund else what.id
    order_id = None if what.metadata is None else what.metadata.order_id
    if not (isinstance(order_id, str) and _NAME.fullmatch(order_id)):
        return None
    if intent_id is None or what.status is None:
        return None
    if what.status in _NO_NEWS and not is_refund:
        return None
    return Happened(
        intent_id=intent_id,
        order_id=order_id,
        status=what.status,
        type=event.type,
        created=datetime.fromtimestamp(event.created, UTC),
        is_refund=is_refund,
    )
