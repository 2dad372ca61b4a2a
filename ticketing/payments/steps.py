"""Steps that several decisions of a payment share."""

from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

from actors import NotFoundError, Turn
from ticketing.errors import OrderCompleteError, PaymentInProgressError
from ticketing.payments.facts import RefundRequested, VoidRequested
from ticketing.payments.messages import (
    Authorised,
    GiveBack,
    Look,
    Pay,
    TakenAnyway,
    Touch,
    Void,
    teller,
)
from ticketing.payments.state import Attempt, AttemptStatus, PaymentState, PaymentStatus

__all__ = [
    "HOPING",
    "attempt_in",
    "attempt_of",
    "drop_unless_bound",
    "give_back",
    "look",
    "may_matter",
    "refuse_unless_payable",
    "void",
]

HOPING: Final = frozenset({AttemptStatus.STARTED, AttemptStatus.ACTION_REQUIRED})
"""The outcome is not known yet, and an authorisation is what they hope for."""

# On their way to an end; what else is heard of their intent is no news.
_BOUND: Final = frozenset(
    {
        AttemptStatus.AUTHORISED,
        AttemptStatus.SETTLED,
        AttemptStatus.CAPTURED,
        AttemptStatus.VOIDING,
        AttemptStatus.REFUNDING,
        AttemptStatus.REFUNDED,
        AttemptStatus.REFUND_FAILED,
    }
)

# Intents that have money, in the provider's words.
_MONEY: Final = frozenset({"requires_capture", "succeeded"})

PaymentTurn: TypeAlias = Turn[PaymentState]


def refuse_unless_payable(payment: PaymentState, message: Pay) -> None:
    """Whether another attempt may start, as far as the payment knows by itself."""
    if payment.buyer_id != message.buyer_id:
        raise NotFoundError
    if payment.status is PaymentStatus.CAPTURED:
        raise OrderCompleteError
    if payment.status is PaymentStatus.PROCESSING:
        raise PaymentInProgressError


def attempt_of(turn: PaymentTurn, number: int) -> Attempt:
    return turn.state.attempts[number - 1]


def attempt_in(
    turn: PaymentTurn,
    number: int,
    statuses: AbstractSet[AttemptStatus],
    intent_id: str | None = None,
) -> Attempt | None:
    """The attempt *number* if it is in one of *statuses*; else this message came before.

    Nor is it this attempt's message if it is about another intent.
    """
    attempt = attempt_of(turn, number)
    is_its_own = intent_id is None or attempt.intent_id in {None, intent_id}
    return attempt if is_its_own and attempt.status in statuses else None


def may_matter(attempt: Attempt, message: Touch) -> bool:
    """Whether what is said to have happened could move *attempt* on, or has to be tidied up."""
    has_money = message.status in _MONEY
    if attempt.intent_id != message.intent_id:
        # The answer of an attempt that has just started is still on its way.
        return has_money and attempt.status is not AttemptStatus.STARTED
    if attempt.status is AttemptStatus.ACTION_REQUIRED:
        return True
    if attempt.status is AttemptStatus.SETTLED:
        return message.status == "succeeded"  # The capture's own answer may have got lost.
    return has_money and attempt.status not in _BOUND


def look(turn: PaymentTurn, number: int, intent_id: str, *, asked: bool = False) -> None:
    """Have the provider asked what is true of an intent, of which there may be but a hint."""
    turn.tell(
        teller(turn.key),
        Look(
            number=number,
            intent_id=intent_id,
            amount_minor=turn.state.amount_minor,
            currency=turn.state.currency,
            asked=asked,
            is_own=turn.state.of_intent(intent_id) is not None,
        ),
        # Of many hints one look; whoever asks has an answer of their own.
        name=None if asked else f"look:{intent_id}",
    )


def void(turn: PaymentTurn, number: int, intent_id: str) -> None:
    """Drop the authorisation, or whatever it has come to."""
    turn.record(VoidRequested(at=turn.now, number=number, intent_id=intent_id))
    turn.tell(teller(turn.key), Void(number=number, intent_id=intent_id))


def give_back(turn: PaymentTurn, number: int, intent_id: str, amount_minor: int, why: str) -> None:
    """Refund *amount_minor*: exactly once, unless a refund fails."""
    turn.record(
        RefundRequested(
            at=turn.now, number=number, intent_id=intent_id, amount_minor=amount_minor, why=why
        )
    )
    turn.tell(
        teller(turn.key),
        GiveBack(
            number=number,
            intent_id=intent_id,
            amount_minor=amount_minor,
            key_round=attempt_of(turn, number).refunds,
        ),
    )


def drop_unless_bound(turn: PaymentTurn, message: Authorised | TakenAnyway) -> None:
    """Money that no attempt waits for: void it - which finds out if it has to be refunded.

    Nothing is recorded: it is no step of any attempt.
    """
    attempt = attempt_of(turn, message.number)
    if attempt.intent_id == message.intent_id and attempt.status in _BOUND:
        return
    number, intent_id = message.number, message.intent_id
    if isinstance(message, TakenAnyway):
        amount = message.amount_minor
        turn.tell(
            teller(turn.key), GiveBack(number=number, intent_id=intent_id, amount_minor=amount)
        )
    else:
        turn.tell(teller(turn.key), Void(number=number, intent_id=intent_id))
