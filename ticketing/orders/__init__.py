"""Orders: one buyer's attempt to buy one ticket, and its 15 minutes.

Layout, in reading order: `messages`, `state`, `actor`, `queries`, as in every service.
"""

from ticketing.orders.messages import (
    ORDER,
    Adopt,
    BeginPayment,
    Bill,
    Cancel,
    Cancelled,
    Complete,
    EndPayment,
    Expire,
    Place,
    Placed,
    Settle,
    order,
)
from ticketing.orders.state import CancelReason, OrderFact, OrderState, OrderStatus

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
    "OrderFact",
    "OrderState",
    "OrderStatus",
    "Place",
    "Placed",
    "Settle",
    "order",
]
