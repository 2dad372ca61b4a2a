"""What may be said to an order, and what it answers."""

from datetime import datetime
from typing import Final

import msgspec

from actors import Message, Ref
from ticketing.orders.state import CancelReason, OrderState
from ticketing.tickets.messages import Reservation
from ticketing.values import OrderId, TicketId, UserId

__all__ = [
    "ORDER",
    "Adopt",
    "BeginPayment",
    "Bill",
    "Cancel",
    "CancelReason",
    "Cancelled",
    "Complete",
    "EndPayment",
    "Expire",
    "Place",
    "Placed",
    "Refund",
    "Settle",
    "Undo",
    "order",
]

ORDER: Final = "order"


def order(order_id: OrderId) -> Ref:
    return Ref(ORDER, order_id)


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The order; or, if the buyer already holds the ticket, the reservation and its order's id."""

    order: OrderState | None = None
    held: Reservation | None = None


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """The order as it is now. Not *cancelled* if the ticket turned out to be sold to it."""

    order: OrderState
    cancelled: bool


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be paid, as it was agreed when the ticket was reserved."""

    order_id: OrderId
    buyer_id: UserId
    seller_id: UserId
    amount_minor: int
    currency: str


class Place(Message[Placed], frozen=True, kw_only=True, tag="orders.place"):
    """Reserve the ticket for *buyer_id* and open an order for it.

    Asking again returns the order as it is. *price_minor*, if given, is the price the buyer saw.

    Raises:
        AskIdReusedError: the id was used for another ticket.
        NotFoundError, TicketUnavailableError, OwnTicketError, PriceChangedError, CooldownError:
            as `tickets.Reserve` decides.

    """

    ticket_id: TicketId
    buyer_id: UserId
    price_minor: int | None = None


class Adopt(Message[OrderState], frozen=True, kw_only=True, tag="orders.adopt"):
    """Record the order of a reservation that was made for it, if that is missing."""

    reservation: Reservation


class Cancel(Message[Cancelled], frozen=True, kw_only=True, tag="orders.cancel"):
    """Let go of the ticket. A cancelled order stays as it is. *buyer_id* None: not the buyer.

    Raises:
        NotFoundError: it is somebody else's order.
        OrderCompleteError, PaymentInProgressError: the ticket is sold to this order.

    """

    buyer_id: UserId | None
    reason: CancelReason


class Expire(Message[None], frozen=True, kw_only=True, tag="orders.expire"):
    """The deadline has come. Does nothing before it, or when the order has ended or is settled."""


class BeginPayment(Message[Bill], frozen=True, kw_only=True, tag="orders.begin_payment"):
    """A payment is about to be attempted: may it, and how much?

    Raises:
        NotFoundError: it is somebody else's order.
        OrderExpiredError, OrderCancelledError, OrderCompleteError, PaymentInProgressError

    """

    buyer_id: UserId


class EndPayment(Message[None], frozen=True, kw_only=True, tag="orders.end_payment"):
    """An attempt failed. *final*: there will be no other, so the order is cancelled.

    So it is if the ticket has been sold to it meanwhile: no attempt is left that could pay. But not
    if a later one than *attempt* was settled: then this one comes late.
    """

    final: bool
    attempt: int | None = None


class Settle(Message[bool], frozen=True, kw_only=True, tag="orders.settle"):
    """Decide the sale: True if the ticket is now sold to this order; False if it is gone.

    *found*: it was found sold, so that the payment has to be told. *attempt* is who pays for it.
    """

    found: bool = False
    attempt: int | None = None


class Complete(Message[None], frozen=True, kw_only=True, tag="orders.complete"):
    """The money has been captured, at *at*."""

    at: datetime


class Undo(Message[None], frozen=True, kw_only=True, tag="orders.undo"):
    """The money for the sale can never be taken: cancel the order, the ticket is free again.

    Does nothing if it is settled for a later attempt than *attempt*.
    """

    attempt: int | None = None


class Refund(Message[None], frozen=True, kw_only=True, tag="orders.refund"):
    """The buyer gets the money back: cancel the order; with *relist* the ticket is for sale again.

    Does nothing unless the ticket is sold to this order.
    """

    relist: bool
