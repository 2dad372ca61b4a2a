"""Orders, as their buyers see them."""

from typing import Annotated, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ticketing.orders import CancelReason, OrderState, OrderStatus
from ticketing.values import major
from ticketing.vault import Vault
from web import instants
from web.fields import Id, Limit, Price, Rule
from web.input import Input
from web.instants import Instant
from web.schemas import examples

__all__ = ["NewOrder", "OrderView", "OrderedTicket", "OrdersQuery", "statuses_of", "view"]


def _statuses(text: str) -> frozenset[OrderStatus]:
    names = [name.value for name in OrderStatus] if text == "any" else text.split(",")
    return frozenset(OrderStatus(name) for name in names)


def _checked_statuses(text: str) -> str:
    _statuses(text)
    return text


class NewOrder(Input, frozen=True, kw_only=True):
    """A purchase. *price*, if given, is what the buyer was shown; another one now is refused."""

    ticket_id: Id
    price: Price | None = None

    @classmethod
    def example(cls) -> Self:
        return cls(ticket_id=examples.TICKET_ID, price=examples.PRICE)


class OrdersQuery(Input, frozen=True, kw_only=True):
    """Which of one's own orders."""

    status: Annotated[
        str,
        Meta(description="One or several of created, awaiting:payment, complete, cancelled; any"),
        Rule(f"must be any, or some of {', '.join(OrderStatus)}", _checked_statuses),
    ] = "any"
    limit: Limit = 50
    after: str | UnsetType = UNSET


class OrderedTicket(msgspec.Struct, frozen=True, kw_only=True):
    """The ticket as it was when it was reserved: what is shown is what is charged."""

    id: str
    title: str
    price: int | float
    currency: str
    version: int

    @classmethod
    def example(cls) -> Self:
        return cls(
            id=examples.TICKET_ID,
            title=examples.TITLE,
            price=examples.PRICE,
            currency="usd",
            version=2,
        )


class OrderView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An order; `delivery` is there once it is complete."""

    id: str
    user_id: str
    status: OrderStatus
    cancel_reason: CancelReason | UnsetType = UNSET
    expires_at: Instant
    version: int
    created_at: Instant
    delivery: str | UnsetType = UNSET
    ticket: OrderedTicket

    @classmethod
    def example(cls) -> Self:
        return cls(
            id=examples.ORDER_ID,
            user_id=examples.KIM_ID,
            status=OrderStatus.CREATED,
            expires_at=examples.EXPIRES_AT,
            version=1,
            created_at=examples.BOUGHT_AT,
            ticket=OrderedTicket.example(),
        )


def view(order: OrderState, delivery: str | None = None, vault: Vault | None = None) -> OrderView:
    """*order* as its buyer sees it; *delivery* is sealed, and opened with *vault*."""
    return OrderView(
        id=order.id,
        user_id=order.buyer_id,
        status=order.status,
        cancel_reason=order.cancel_reason or UNSET,
        expires_at=instants.shown(order.expires_at),
        version=order.version,
        created_at=instants.shown(order.created_at),
        delivery=UNSET if delivery is None or vault is None else vault.open(delivery),
        ticket=OrderedTicket(
            id=order.ticket_id,
            title=order.title,
            price=major(order.price_minor, order.currency),
            currency=order.currency,
            version=order.ticket_version,
        ),
    )


def statuses_of(query: OrdersQuery) -> frozenset[OrderStatus]:
    return _statuses(query.status)
