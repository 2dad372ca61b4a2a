"""Payments, as their buyers see them."""

from typing import Self

import msgspec
from msgspec import UNSET, UnsetType

from ticketing.payments import PaymentState, PaymentStatus
from ticketing.values import major
from web import instants
from web.fields import Id, Token
from web.input import Input
from web.instants import Instant
from web.schemas import examples

__all__ = ["HappeningView", "NewPayment", "PaymentOutcome", "PaymentView", "view"]


class NewPayment(Input, frozen=True, kw_only=True):
    """An attempt to pay. The amount is the order's; nobody gets to say another."""

    order_id: Id
    token: Token

    @classmethod
    def example(cls) -> Self:
        return cls(order_id=examples.ORDER_ID, token="tok_visa")  # noqa: S106 - a test card


class PaymentOutcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of an attempt, or that it is not known yet: then look at the payment."""

    id: str
    order_id: str
    status: PaymentStatus

    @classmethod
    def example(cls) -> Self:
        return cls(id=examples.ORDER_ID, order_id=examples.ORDER_ID, status=PaymentStatus.CAPTURED)


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

    @classmethod
    def example(cls) -> Self:
        return cls(
            id=examples.ORDER_ID,
            order_id=examples.ORDER_ID,
            status=PaymentStatus.DECLINED,
            amount=examples.PRICE,
            currency="usd",
            attempts_left=4,
            decline_code="insufficient_funds",
            version=2,
            created_at=examples.BOUGHT_AT,
            timeline=(HappeningView(at=examples.BOUGHT_AT, what="started"),),
        )


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
