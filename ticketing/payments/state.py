"""What a payment is, and the facts that make it so. Pure: no clock, no I/O, no refusals.

There is one payment an order; its id is the order's. Each try with a card is an *attempt* inside.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from actors import Fact, State
from ticketing.values import OrderId, UserId

__all__ = [
    "Attempt",
    "AttemptAuthorised",
    "AttemptDeclined",
    "AttemptNotSent",
    "AttemptStarted",
    "AttemptStatus",
    "Happening",
    "PaymentCaptured",
    "PaymentFact",
    "PaymentSettled",
    "PaymentState",
    "PaymentStatus",
    "PaymentVoided",
    "VoidRequested",
]

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PaymentStatus(StrEnum):
    """Where the money is."""

    PROCESSING = "processing"
    """An attempt is under way; its outcome is not known yet."""
    REQUIRES_ACTION = "requires_action"
    DECLINED = "declined"
    """The last attempt failed; nothing was taken, another may follow."""
    CAPTURED = "captured"
    VOIDED = "voided"
    """The ticket was gone when the card was authorised; nothing was taken."""
    REFUNDED = "refunded"


class AttemptStatus(StrEnum):
    """How far one try with one card has come."""

    STARTED = "started"
    AUTHORISED = "authorised"
    SETTLED = "settled"
    """The ticket is sold to the order; only the capture is missing."""
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    """The provider could not be reached; it certainly knows nothing of this attempt."""
    CAPTURED = "captured"
    VOIDING = "voiding"
    VOIDED = "voided"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try with one card."""

    number: int
    status: AttemptStatus
    intent_id: str | None = None
    decline_code: str | None = None


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the payment's timeline; carries no secrets."""

    at: datetime
    what: str
    detail: str | None = None


class AttemptStarted(Fact, frozen=True, kw_only=True, tag="payment.attempt_started"):
    at: datetime
    number: int
    attempts_left: int
    buyer_id: UserId
    seller_id: UserId
    amount_minor: int
    currency: str


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


class AttemptNotSent(Fact, frozen=True, kw_only=True, tag="payment.attempt_not_sent"):
    at: datetime
    number: int


class PaymentCaptured(Fact, frozen=True, kw_only=True, tag="payment.captured"):
    at: datetime
    number: int


class VoidRequested(Fact, frozen=True, kw_only=True, tag="payment.void_requested"):
    at: datetime
    number: int


class PaymentVoided(Fact, frozen=True, kw_only=True, tag="payment.voided"):
    at: datetime
    number: int


PaymentFact: TypeAlias = (
    AttemptStarted
    | AttemptAuthorised
    | PaymentSettled
    | AttemptDeclined
    | AttemptNotSent
    | PaymentCaptured
    | VoidRequested
    | PaymentVoided
)


class PaymentState(State, frozen=True, kw_only=True):
    """A payment; one row of `payments`. Amounts are integer minor units of `currency`."""

    id: OrderId
    buyer_id: UserId = UserId("")
    seller_id: UserId = UserId("")
    amount_minor: int = 0
    currency: str = "usd"
    status: PaymentStatus = PaymentStatus.PROCESSING
    attempts_left: int = 0
    created_at: datetime = NEVER
    attempts: tuple[Attempt, ...] = ()
    timeline: tuple[Happening, ...] = ()

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt."""
        return self.attempts[-1] if self.attempts else None

    def apply(self, fact: PaymentFact) -> "PaymentState":  # noqa: PLR0911 - one for each fact
        match fact:
            case AttemptStarted():
                return self._started(fact)
            case AttemptAuthorised():
                return self._moved(
                    fact, PaymentStatus.PROCESSING, AttemptStatus.AUTHORISED, fact.intent_id
                )
            case PaymentSettled():
                return self._moved(fact, PaymentStatus.PROCESSING, AttemptStatus.SETTLED)
            case AttemptDeclined():
                declined = self._moved(
                    fact,
                    PaymentStatus.DECLINED,
                    AttemptStatus.DECLINED,
                    decline_code=fact.decline_code,
                )
                return replace(declined, attempts_left=fact.attempts_left)
            case AttemptNotSent():
                return self._moved(fact, PaymentStatus.DECLINED, AttemptStatus.NOT_SENT)
            case PaymentCaptured():
                return self._moved(fact, PaymentStatus.CAPTURED, AttemptStatus.CAPTURED)
            case VoidRequested():
                return self._moved(fact, PaymentStatus.PROCESSING, AttemptStatus.VOIDING)
            case PaymentVoided():
                return self._moved(fact, PaymentStatus.VOIDED, AttemptStatus.VOIDED)
            case _:
                assert_never(fact)

    def _started(self, fact: AttemptStarted) -> "PaymentState":
        return replace(
            self,
            buyer_id=fact.buyer_id,
            seller_id=fact.seller_id,
            amount_minor=fact.amount_minor,
            currency=fact.currency,
            status=PaymentStatus.PROCESSING,
            attempts_left=fact.attempts_left,
            created_at=self.created_at if self.attempts else fact.at,
            attempts=(
                *self.attempts,
                Attempt(number=fact.number, status=AttemptStatus.STARTED),
            ),
            timeline=(*self.timeline, Happening(at=fact.at, what="started")),
        )

    def _moved(
        self,
        fact: PaymentFact,
        status: PaymentStatus,
        attempt_status: AttemptStatus,
        intent_id: str | None = None,
        decline_code: str | None = None,
    ) -> "PaymentState":
        attempts = tuple(
            replace(
                attempt,
                status=attempt_status,
                intent_id=intent_id or attempt.intent_id,
                decline_code=decline_code,
            )
            if attempt.number == fact.number
            else attempt
            for attempt in self.attempts
        )
        happening = Happening(at=fact.at, what=attempt_status.value, detail=decline_code)
        return replace(self, status=status, attempts=attempts, timeline=(*self.timeline, happening))
