"""Payments, as their buyers see them."""

from typing import Self

import msgspec
from msgspec import UNSET, UnsetType

from ticketing.payments import PaymentState, PaymentStatus
from ticketing.values import major
from ticketing.vault import Vault
from web import instants
from web.fields import Id, Reason, Token
from web.input import Input
from web.instants import Instant
from web.schemas import examples

__all__ = [
    "HappeningView",
    "NewPayment",
    "NewRefund",
    "PaymentOutcome",
    "PaymentView",
    "view",
]


class NewPayment(Input, frozen=True, kw_only=True):
    """An attempt to pay. The amount is the order's; nobody gets to say another."""

    order_id: Id
    token: Token

    @classmethod
    def example(cls) -> Self:
        return cls(order_id=examples.ORDER_ID, token="tok_visa")  # noqa: S106 - a test card


class PaymentOutcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of an attempt, or that it is not known yet: then look at the payment.

    With `requires_action` comes the `clientSecret` for 3-D Secure in the buyer's browser.
    """

    id: str
    order_id: str
    status: PaymentStatus
    client_secret: str | UnsetType = UNSET

    @classmethod
    def example(cls) -> Self:
        return cls(id=examples.ORDER_ID, order_id=examples.ORDER_ID, status=PaymentStatus.CAPTURED)


class HappeningView(msgspec.Struct, frozen=True, kw_only=True):
    at: Instant
    what: str
    detail: str | UnsetType = UNSET


class PaymentView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A payment; its id is its order's. `amount` is in major units.

    `clientSecret` is there while the card holder has to act, for the buyer alone.
    """

    id: str
    order_id: str
    status: PaymentStatus
    amount: int | float
    currency: str
    attempts_left: int
    decline_code: str | UnsetType = UNSET
    client_secret: str | UnsetType = UNSET
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


class NewRefund(Input, frozen=True, kw_only=True):
    """All of a complete order's money back to its buyer; *relist*: its ticket is for sale again."""

    reason: Reason
    relist: bool = False

    @classmethod
    def example(cls) -> Self:
        return cls(reason="The match was called off")


def view(payment: PaymentState, vault: Vault | None = None) -> PaymentView:
    """*payment* as its buyer sees it; without *vault*, as anybody else does."""
    attempt = payment.attempt
    is_asked = payment.status is PaymentStatus.REQUIRES_ACTION and attempt is not None
    secret = attempt.secret if is_asked and attempt else None
    is_declined = payment.status is PaymentStatus.DECLINED and attempt is not None
    return PaymentView(
        id=payment.id,
        order_id=payment.id,
        status=payment.status,
        amount=major(payment.amount_minor, payment.currency),
        currency=payment.currency,
        attempts_left=payment.attempts_left,
        decline_code=(attempt.decline_code or UNSET) if is_declined and attempt else UNSET,
        client_secret=UNSET if secret is None or vault is None else vault.open(secret),
        version=payment.version,
        created_at=instants.shown(payment.created_at),
        timeline=tuple(
            HappeningView(at=instants.shown(line.at), what=line.what, detail=line.detail or UNSET)
            for line in payment.timeline
        ),
    )
