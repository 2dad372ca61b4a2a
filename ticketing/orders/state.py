"""What an order is, and the facts that make it so. Pure: no clock, no I/O, no refusals."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from msgspec.structs import replace

from actors import Fact, State
from ticketing.values import OrderId, TicketId, UserId

__all__ = [
    "CancelReason",
    "OrderCancelled",
    "OrderCompleted",
    "OrderFact",
    "OrderPaymentBegun",
    "OrderPaymentEnded",
    "OrderPlaced",
    "OrderSettled",
    "OrderState",
    "OrderStatus",
]

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class OrderStatus(StrEnum):
    """Where an order is in its life."""

    CREATED = "created"
    """The ticket is reserved for it; nobody is paying right now."""
    AWAITING_PAYMENT = "awaiting:payment"
    """A payment is under way, also between the sale and the capture."""
    COMPLETE = "complete"
    """Sold and paid."""
    CANCELLED = "cancelled"


class CancelReason(StrEnum):
    """Why an order ended without a sale."""

    EXPIRED = "expired"
    USER = "user"
    PAYMENT_FAILED = "payment_failed"
    REFUNDED = "refunded"
    ADMIN = "admin"


class OrderPlaced(Fact, frozen=True, kw_only=True, tag="order.placed"):
    """The ticket is reserved; price and title are as they were at that moment."""

    at: datetime
    ticket_id: TicketId
    ticket_version: int
    buyer_id: UserId
    seller_id: UserId
    title: str
    price_minor: int
    currency: str
    expires_at: datetime


class OrderPaymentBegun(Fact, frozen=True, kw_only=True, tag="order.payment_begun"):
    pass


class OrderPaymentEnded(Fact, frozen=True, kw_only=True, tag="order.payment_ended"):
    """An attempt to pay failed, and the buyer may try again."""


class OrderSettled(Fact, frozen=True, kw_only=True, tag="order.settled"):
    """The ticket is sold to this order: the money of *attempt* is certain to follow."""

    at: datetime
    attempt: int | None = None


class OrderCompleted(Fact, frozen=True, kw_only=True, tag="order.completed"):
    at: datetime


class OrderCancelled(Fact, frozen=True, kw_only=True, tag="order.cancelled"):
    at: datetime
    reason: CancelReason


OrderFact: TypeAlias = (
    OrderPlaced
    | OrderPaymentBegun
    | OrderPaymentEnded
    | OrderSettled
    | OrderCompleted
    | OrderCancelled
)


class OrderState(State, frozen=True, kw_only=True):
    """An order; one row of `orders`. The ticket's fields are the snapshot it was reserved with."""

    id: OrderId
    ticket_id: TicketId = TicketId("")
    ticket_version: int = 0
    buyer_id: UserId = UserId("")
    seller_id: UserId = UserId("")
    title: str = ""
    price_minor: int = 0
    currency: str = "usd"
    status: OrderStatus = OrderStatus.CREATED
    cancel_reason: CancelReason | None = None
    created_at: datetime = NEVER
    expires_at: datetime = NEVER
    settled_at: datetime | None = None
    settled_for: int | None = None
    """The attempt to pay that the sale stands on; None if that is not known."""
    ended_at: datetime | None = None

    @property
    def is_live(self) -> bool:
        """Neither complete nor cancelled, and the sale is not decided."""
        return self.settled_at is None and self.status in {
            OrderStatus.CREATED,
            OrderStatus.AWAITING_PAYMENT,
        }

    def apply(self, fact: OrderFact) -> "OrderState":
        match fact:
            case OrderPlaced():
                return replace(
                    self,
                    ticket_id=fact.ticket_id,
                    ticket_version=fact.ticket_version,
                    buyer_id=fact.buyer_id,
                    seller_id=fact.seller_id,
                    title=fact.title,
                    price_minor=fact.price_minor,
                    currency=fact.currency,
                    created_at=fact.at,
                    expires_at=fact.expires_at,
                )
            case OrderPaymentBegun():
                return replace(self, status=OrderStatus.AWAITING_PAYMENT)
            case OrderPaymentEnded():
                return replace(self, status=OrderStatus.CREATED)
            case OrderSettled():
                return replace(
                    self,
                    status=OrderStatus.AWAITING_PAYMENT,
                    settled_at=fact.at,
                    settled_for=fact.attempt,
                )
            case OrderCompleted():
                return replace(self, status=OrderStatus.COMPLETE, ended_at=fact.at)
            case OrderCancelled():
                return replace(
                    self,
                    status=OrderStatus.CANCELLED,
                    cancel_reason=fact.reason,
                    ended_at=fact.at,
                )
            case _:
                assert_never(fact)
