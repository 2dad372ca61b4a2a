"""Payments, as their buyers see them."""

import msgspec
from msgspec import UNSET, UnsetType

from ticketing.payments import PaymentState, PaymentStatus
from ticketing.values import major
from web import instants
from web.fields import Id, Token
from web.input import Input
from web.instants import Instant

__all__ = ["HappeningView", "NewPayment", "PaymentOutcome", "PaymentView", "view"]


class NewPayment(Input, frozen=True, kw_only=True):
    """An attempt to pay. The amount is the order's; nobody gets to say another."""

    order_id: Id
    token: Token


class PaymentOutcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of an attempt, or that it is not known yet: then look at the payment."""

    id: str
    order_id: str
    status: PaymentStatus


class HappeningView(msgspec.Struct, frozen=True, kw_only=True):
    at: Instant
    what: str
    detail: str | UnsetType = UNSET


class PaymentView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A payment; its id is its order's. `amount` is in major units."""

    id: str
    order_id: str
    status: PaymentStatus
    amount: int | float
    currency: str
    attempts_left: int
    decline_code: str | UnsetType = UNSET
    version: int
    created_at: Instant
    timeline: tuple[HappeningView, ...]


def view(payment: PaymentState) -> PaymentView:
    attempt = payment.attempt
    is_declined = payment.status is PaymentStatus.DECLINED and attempt is not None
    return PaymentView(
        id=payment.id,
        order_id=payment.id,
        status=payment.status,
        amount=major(payment.amount_minor, payment.currency),
        currency=payment.currency,
        attempts_left=payment.attempts_left,
        decline_code=(attempt.decline_code or UNSET) if is_declined and attempt else UNSET,
        version=payment.version,
        created_at=instants.shown(payment.created_at),
        timeline=tuple(
            HappeningView(at=instants.shown(line.at), what=line.what, detail=line.detail or UNSET)
            for line in payment.timeline
        ),
    )
