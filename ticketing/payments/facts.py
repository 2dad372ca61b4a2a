"""What can happen to a payment: its facts, in the order of its life."""

from datetime import datetime
from typing import TypeAlias

from actors import Fact
from ticketing.values import Secret, UserId

__all__ = [
    "AttemptActionRequired",
    "AttemptAuthorised",
    "AttemptDeclined",
    "AttemptFact",
    "AttemptNotSent",
    "AttemptStarted",
    "CaptureFailed",
    "PaymentAbandoned",
    "PaymentCaptured",
    "PaymentFact",
    "PaymentRefunded",
    "PaymentSettled",
    "PaymentVoided",
    "RefundFailed",
    "RefundRequested",
    "VoidRequested",
]


class AttemptStarted(Fact, frozen=True, kw_only=True, tag="payment.attempt_started"):
    at: datetime
    number: int
    attempts_left: int
    buyer_id: UserId
    seller_id: UserId
    amount_minor: int
    currency: str


class AttemptActionRequired(Fact, frozen=True, kw_only=True, tag="payment.attempt_action_required"):
    at: datetime
    number: int
    intent_id: str
    secret: Secret


class AttemptAuthorised(Fact, frozen=True, kw_only=True, tag="payment.attempt_authorised"):
    at: datetime
    number: int
    intent_id: str


class PaymentSettled(Fact, frozen=True, kw_only=True, tag="payment.settled"):
    at: datetime
    number: int


class AttemptDeclined(Fact, frozen=True, kw_only=True, tag="payment.attempt_declined"):
    at: datetime
    number: int
    decline_code: str
    attempts_left: int
    intent_id: str | None = None


class AttemptNotSent(Fact, frozen=True, kw_only=True, tag="payment.attempt_not_sent"):
    at: datetime
    number: int


class PaymentCaptured(Fact, frozen=True, kw_only=True, tag="payment.captured"):
    """The buyer's money is ours to pass on, less the house's *fee_minor*."""

    at: datetime
    number: int
    fee_minor: int = 0


class CaptureFailed(Fact, frozen=True, kw_only=True, tag="payment.capture_failed"):
    """The money cannot be taken, and the sale is undone."""

    at: datetime
    number: int


class VoidRequested(Fact, frozen=True, kw_only=True, tag="payment.void_requested"):
    at: datetime
    number: int
    intent_id: str | None = None


class PaymentVoided(Fact, frozen=True, kw_only=True, tag="payment.voided"):
    at: datetime
    number: int


class PaymentAbandoned(Fact, frozen=True, kw_only=True, tag="payment.abandoned"):
    """The order has ended unsold: what is authorised after this is void."""

    at: datetime


class RefundRequested(Fact, frozen=True, kw_only=True, tag="payment.refund_requested"):
    """*amount_minor* goes back to the buyer; *why* is a word for the timeline."""

    at: datetime
    number: int
    intent_id: str
    amount_minor: int
    why: str


class PaymentRefunded(Fact, frozen=True, kw_only=True, tag="payment.refunded"):
    at: datetime
    number: int
    refund_id: str


class RefundFailed(Fact, frozen=True, kw_only=True, tag="payment.refund_failed"):
    at: datetime
    number: int
    why: str


AttemptFact: TypeAlias = (
    AttemptStarted
    | AttemptActionRequired
    | AttemptAuthorised
    | PaymentSettled
    | AttemptDeclined
    | AttemptNotSent
    | PaymentCaptured
    | CaptureFailed
    | VoidRequested
    | PaymentVoided
    | RefundRequested
    | PaymentRefunded
    | RefundFailed
)

PaymentFact: TypeAlias = AttemptFact | PaymentAbandoned
