"""The books: double entry, one row a movement, appended in the commit of the turn that caused it.

A positive delta is money that came to an account, a negative one money that is owed to it; the
movements of one order sum to zero.
"""

from datetime import datetime
from typing import ClassVar

from actors import AppendedRow
from ticketing.payments.state import PaymentState
from ticketing.values import OrderId

__all__ = ["Movement", "capture_movements"]

PROVIDER = "provider"
FEES = "fees"


class Movement(AppendedRow, frozen=True, kw_only=True):
    """One movement of one account; amounts in minor units of *currency*."""

    table: ClassVar[str] = "ledger"

    order_id: OrderId
    cause: str
    account: str
    delta_minor: int
    currency: str
    at: datetime


def capture_movements(payment: PaymentState, *, fee_percent: float, at: datetime) -> list[Movement]:
    """What a capture moves: the provider has the money; seller and house have a claim on it."""
    fee = round(payment.amount_minor * fee_percent / 100)
    shares = {
        PROVIDER: payment.amount_minor,
        f"seller:{payment.seller_id}": fee - payment.amount_minor,
        FEES: -fee,
    }
    return [
        Movement(
            order_id=payment.id,
            cause="capture",
            account=account,
            delta_minor=delta,
            currency=payment.currency,
            at=at,
        )
        for account, delta in shares.items()
        if delta
    ]
