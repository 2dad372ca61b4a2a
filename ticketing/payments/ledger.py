"""The books: double entry, one row a movement, appended in the commit of the turn that caused it.

A positive delta is money that came to an account, a negative one money that is owed to it; the
movements of one order sum to zero, and so do those of each cause.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import ClassVar, Final

from actors import AppendedRow
from ticketing.payments.state import Attempt, PaymentState
from ticketing.values import OrderId

__all__ = ["Movement", "captured", "come_back", "fee", "given_back", "taken"]

PROVIDER: Final = "provider"
FEES: Final = "fees"
SUSPENSE: Final = "suspense"
"""Money that arrived and must not be kept: the buyer's, until it is given back."""


class Movement(AppendedRow, frozen=True, kw_only=True):
    """One movement of one account; amounts in minor units of *currency*."""

    table: ClassVar[str] = "ledger"

    order_id: OrderId
    cause: str
    account: str
    delta_minor: int
    currency: str
    at: datetime


def fee(amount_minor: int, percent: Decimal) -> int:
    """What the house keeps of *amount_minor*, rounded to the nearest minor unit, halves up."""
    return int((amount_minor * percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def captured(payment: PaymentState, attempt: Attempt, at: datetime) -> list[Movement]:
    """A sale is paid: the provider has the money; seller and house have a claim on it."""
    return _movements(payment, "capture", _shares(payment, attempt), at)


def taken(payment: PaymentState, number: int, amount_minor: int, at: datetime) -> list[Movement]:
    """Money arrived for nothing, by attempt *number*."""
    shares = {PROVIDER: amount_minor, SUSPENSE: -amount_minor}
    return _movements(payment, f"taken:{number}", shares, at)


def given_back(payment: PaymentState, attempt: Attempt, at: datetime) -> list[Movement]:
    """A refund: all that its capture moved moves back, or what had arrived for nothing."""
    shares = {account: -delta for account, delta in _shares(payment, attempt).items()}
    return _movements(payment, _cause("refund", attempt), shares, at)


def come_back(payment: PaymentState, attempt: Attempt, at: datetime) -> list[Movement]:
    """The refund has failed after all: the money is with the provider again."""
    return _movements(payment, _cause("refund_failed", attempt), _shares(payment, attempt), at)


def _cause(what: str, attempt: Attempt) -> str:
    """A cause moves an account once; another refund, or another attempt's, is another cause."""
    return f"{what}:{attempt.number}.{attempt.refunds}"


def _shares(payment: PaymentState, attempt: Attempt) -> dict[str, int]:
    if not attempt.is_sale:
        return {PROVIDER: attempt.taken_minor, SUSPENSE: -attempt.taken_minor}
    return {
        PROVIDER: attempt.taken_minor,
        f"seller:{payment.seller_id}": attempt.fee_minor - attempt.taken_minor,
        FEES: -attempt.fee_minor,
    }


def _movements(
    payment: PaymentState, cause: str, shares: Mapping[str, int], at: datetime
) -> list[Movement]:
    return [
        Movement(
            order_id=payment.id,
            cause=cause,
            account=account,
            delta_minor=delta,
            currency=payment.currency,
            at=at,
        )
        for account, delta in shares.items()
        if delta
    ]
