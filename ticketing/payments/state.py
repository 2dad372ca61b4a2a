r"""What a payment is, as its facts made it. Pure: no clock, no I/O, no refusals.

There is one payment an order; its id is the order's. Each try with a card is an *attempt* inside:

    started -> authorised -> settled -> captured -> refunding -> refunded | refund_failed
       |  \         |          \-> impossible
       |   \-> action_required -> (authorised, declined, voiding)
       |            \-> voiding -> voided
       \-> declined | not_sent

Only the latest attempt says where the money is: what is still to be tidied up of one before it
changes that attempt and the timeline alone.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, assert_never

import msgspec
from msgspec.structs import replace

from actors import State
from ticketing.payments.facts import (
    AttemptActionRequired,
    AttemptAuthorised,
    AttemptDeclined,
    AttemptFact,
    AttemptNotSent,
    AttemptStarted,
    CaptureFailed,
    PaymentAbandoned,
    PaymentCaptured,
    PaymentFact,
    PaymentRefunded,
    PaymentSettled,
    PaymentVoided,
    RefundFailed,
    RefundRequested,
    VoidRequested,
)
from ticketing.values import OrderId, Secret, UserId

__all__ = ["NEVER", "Attempt", "AttemptStatus", "Happening", "PaymentState", "PaymentStatus"]

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PaymentStatus(StrEnum):
    """Where the money is."""

    PROCESSING = "processing"
    """An attempt is under way; its outcome is not known yet."""
    REQUIRES_ACTION = "requires_action"
    """The card holder has to tell the bank that it is really them (3-D Secure)."""
    DECLINED = "declined"
    """The last attempt failed; nothing was taken, another may follow."""
    CAPTURED = "captured"
    VOIDED = "voided"
    """The ticket was gone, or the money could not be taken; nobody was charged."""
    REFUNDED = "refunded"


class AttemptStatus(StrEnum):
    """How far one try with one card has come."""

    STARTED = "started"
    ACTION_REQUIRED = "action_required"
    AUTHORISED = "authorised"
    SETTLED = "settled"
    """The ticket is sold to the order; only the capture is missing."""
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    """The provider could not be reached; it certainly knows nothing of this attempt."""
    CAPTURED = "captured"
    IMPOSSIBLE = "impossible"
    """The ticket was sold, but the money cannot be taken: the sale is undone."""
    VOIDING = "voiding"
    VOIDED = "voided"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try with one card."""

    number: int
    status: AttemptStatus
    intent_id: str | None = None
    decline_code: str | None = None
    secret: Secret | None = None
    """Sealed: what the buyer's browser needs while the card holder has to act."""
    looks: int = 0
    """How often the provider has said that the card holder has to act."""
    refund_id: str | None = None
    refunds: int = 0
    """How many refunds of it were asked for: another one follows only one that failed."""
    taken_minor: int = 0
    """What of it was captured, in the payment's currency."""
    is_sale: bool = False
    """Whether it was captured for a ticket; else it was taken for nothing."""
    fee_minor: int = 0
    """What of a sale the house keeps."""

    @property
    def may_pay(self) -> bool:
        """Whether it has paid for the ticket, or may still."""
        return self.is_sale or self.status in _MAY_PAY


_MAY_PAY: Final = frozenset(
    {
        AttemptStatus.STARTED,
        AttemptStatus.ACTION_REQUIRED,
        AttemptStatus.AUTHORISED,
        AttemptStatus.SETTLED,
    }
)


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the payment's timeline; carries no secrets."""

    at: datetime
    what: str
    detail: str | None = None


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
    abandoned_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    timeline: tuple[Happening, ...] = ()

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt."""
        return self.attempts[-1] if self.attempts else None

    def apply(self, fact: PaymentFact) -> "PaymentState":  # noqa: C901, PLR0911, PLR0912 - one for each fact
        match fact:
            case AttemptStarted():
                return self._started(fact)
            case AttemptActionRequired():
                return self._action_required(fact)
            case AttemptAuthorised():
                return self._moved(
                    fact, AttemptStatus.AUTHORISED, intent_id=fact.intent_id, secret=None
                )
            case PaymentSettled():
                return self._moved(fact, AttemptStatus.SETTLED)
            case AttemptDeclined():
                declined = self._moved(
                    fact,
                    AttemptStatus.DECLINED,
                    PaymentStatus.DECLINED,
                    detail=fact.decline_code,
                    decline_code=fact.decline_code,
                    secret=None,
                    **_intent(fact.intent_id),
                )
                return replace(declined, attempts_left=fact.attempts_left)
            case AttemptNotSent():
                return self._moved(fact, AttemptStatus.NOT_SENT, PaymentStatus.DECLINED)
            case PaymentCaptured():
                return self._moved(
                    fact,
                    AttemptStatus.CAPTURED,
                    PaymentStatus.CAPTURED,
                    taken_minor=self.amount_minor,
                    is_sale=True,
                    fee_minor=fact.fee_minor,
                )
            case CaptureFailed():
                return self._moved(fact, AttemptStatus.IMPOSSIBLE, PaymentStatus.VOIDED)
            case VoidRequested():
                return self._moved(
                    fact, AttemptStatus.VOIDING, secret=None, **_intent(fact.intent_id)
                )
            case PaymentVoided():
                return self._moved(fact, AttemptStatus.VOIDED, PaymentStatus.VOIDED)
            case PaymentAbandoned():
                return replace(self, abandoned_at=fact.at)
            case RefundRequested():
                return self._refunding(fact)
            case PaymentRefunded():
                return self._moved(
                    fact, AttemptStatus.REFUNDED, PaymentStatus.REFUNDED, refund_id=fact.refund_id
                )
            case RefundFailed():
                return self._moved(fact, AttemptStatus.REFUND_FAILED, PaymentStatus.CAPTURED)
            case _:
                assert_never(fact)

    def of_intent(self, intent_id: str) -> Attempt | None:
        """The attempt that made *intent_id*."""
        return next((each for each in self.attempts if each.intent_id == intent_id), None)

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

    def _action_required(self, fact: AttemptActionRequired) -> "PaymentState":
        attempt = self.attempts[fact.number - 1]
        again = attempt.status is AttemptStatus.ACTION_REQUIRED
        moved = self._moved(
            fact,
            AttemptStatus.ACTION_REQUIRED,
            PaymentStatus.REQUIRES_ACTION,
            intent_id=fact.intent_id,
            secret=fact.secret,
            looks=attempt.looks + 1,
        )
        # Whoever comes back without having acted is told so; it is no news.
        return replace(moved, timeline=self.timeline) if again else moved

    def _refunding(self, fact: RefundRequested) -> "PaymentState":
        attempt = self.attempts[fact.number - 1]
        status = PaymentStatus.CAPTURED if attempt.taken_minor else PaymentStatus.PROCESSING
        return self._moved(
            fact,
            AttemptStatus.REFUNDING,
            status,
            detail=fact.why,
            intent_id=fact.intent_id,
            refunds=attempt.refunds + 1,
            taken_minor=fact.amount_minor,
        )

    def _moved(
        self,
        fact: AttemptFact,
        to: AttemptStatus,
        status: PaymentStatus = PaymentStatus.PROCESSING,
        *,
        detail: str | None = None,
        **changes: object,
    ) -> "PaymentState":
        attempts = tuple(
            replace(each, status=to, **changes) if each.number == fact.number else each
            for each in self.attempts
        )
        return replace(
            self,
            status=status if fact.number == len(self.attempts) else self.status,
            attempts=attempts,
            timeline=(*self.timeline, Happening(at=fact.at, what=to.value, detail=detail)),
        )


def _intent(intent_id: str | None) -> dict[str, Any]:
    """The change that *intent_id* makes: none if it is not known yet."""
    return {} if intent_id is None else {"intent_id": intent_id}
