"""The teller: the worker that talks to the payment provider, and tells payments what came of it.

Every call may be made twice, with the same idempotency key, and gets the same answer. An answer
nobody can be sure of is not told; the message is tried again later, for as long as it takes.

There is no 3-D Secure yet, no refund, and no undoing of a sale that cannot be captured. Until there
is, a card that asks for 3-D Secure is declined, and a capture that is impossible is retried and
complained about.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from actors import Effect, Message, NotYetError, Worker, handle
from ticketing.payments import outcomes
from ticketing.payments.messages import (
    TELLER,
    Authorise,
    Authorised,
    Capture,
    Captured,
    Declined,
    NotSent,
    Void,
    Voided,
    payment,
)
from ticketing.payments.transport import StripeTransport
from ticketing.values import OrderId

__all__ = ["Teller"]

log = structlog.get_logger("ticketing.teller")

T = TypeVar("T")

# A key whose stored answer is an error is followed by the next one; after a few there is no point
# in asking again at once.
ROUNDS_MAX: Final = 3

# The provider's clock may be behind ours when we look for what an attempt left there.
CLOCK_SLACK: Final = timedelta(minutes=10)


class Teller(Worker):
    """Ten calls at once (payments.md): enough for a sale, too few to trip the provider's limits."""

    kind, service, concurrency, queue_size_max = TELLER, "payments", 10, 0
    parks = False

    def __init__(self, transport: StripeTransport) -> None:
        self._transport = transport

    async def close(self) -> None:
        await self._transport.close()

    @handle
    async def authorise(self, message: Authorise, effect: Effect) -> None:
        outcome = await self._authorisation(message, effect)
        effect.tell(payment(OrderId(effect.key)), await self._verdict(message, effect, outcome))

    @handle
    async def capture(self, message: Capture, effect: Effect) -> None:
        outcome = await _in_rounds(
            lambda key_round: self._transport.capture(
                intent_id=message.intent_id, amount_minor=message.amount_minor, key_round=key_round
            )
        )
        if not isinstance(outcome, outcomes.Captured):
            raise _undecided("capture", effect, outcome)
        effect.tell(payment(OrderId(effect.key)), Captured(number=message.number))

    @handle
    async def void(self, message: Void, effect: Effect) -> None:
        await self._drop(message.intent_id, effect)
        effect.tell(payment(OrderId(effect.key)), Voided(number=message.number))

    async def _authorisation(self, message: Authorise, effect: Effect) -> outcomes.Authorisation:
        for key_round in range(1, ROUNDS_MAX + 1):
            outcome = await self._transport.authorise(
                order_id=effect.key,
                attempt=message.number,
                amount_minor=message.amount_minor,
                currency=message.currency,
                token=message.token,
                key_round=key_round,
            )
            if not (isinstance(outcome, outcomes.Unknown) and outcome.stored):
                return outcome
            left_there = await self._transport.find(
                order_id=effect.key, attempt=message.number, since=effect.now - CLOCK_SLACK
            )
            if left_there != ():
                return outcome  # Something is there, or nobody knows: no second authorisation.
        return outcomes.Unknown(reason="too_many_rounds")

    async def _verdict(
        self, message: Authorise, effect: Effect, outcome: outcomes.Authorisation
    ) -> Message[None]:
        """What the payment is told of *outcome*."""
        number = message.number
        match outcome:
            case outcomes.Authorised() | outcomes.Captured():
                return Authorised(number=number, intent_id=outcome.intent_id)
            case outcomes.Declined():
                return Declined(number=number, decline_code=outcome.code)
            case outcomes.Voided():
                return Declined(number=number, decline_code="canceled")
            case outcomes.NotSent() if not effect.may_be_repeat:
                return NotSent(number=number)
            case outcomes.ActionRequired():
                await self._drop(outcome.intent_id, effect)
                return Declined(number=number, decline_code="authentication_required")
            case outcomes.Mismatch():
                log.error("payment.mismatch", order=effect.key, what=outcome.what)
                await self._drop(outcome.intent_id, effect)
                return Declined(number=number, decline_code="mismatch")
            case _:
                raise _undecided("authorise", effect, outcome)

    async def _drop(self, intent_id: str, effect: Effect) -> None:
        outcome = await _in_rounds(
            lambda key_round: self._transport.void(intent_id=intent_id, key_round=key_round)
        )
        if not isinstance(outcome, outcomes.Voided):
            raise _undecided("void", effect, outcome)


async def _in_rounds(call: Callable[[int], Awaitable[T]]) -> T:
    """Call with the next idempotency key while the answer kept under one is an error."""
    for key_round in range(1, ROUNDS_MAX):
        outcome = await call(key_round)
        if not (isinstance(outcome, outcomes.Unknown) and outcome.stored):
            return outcome
    return await call(ROUNDS_MAX)


def _undecided(operation: str, effect: Effect, outcome: object) -> NotYetError:
    log.warning("payment.undecided", order=effect.key, operation=operation, outcome=str(outcome))
    return NotYetError(f"{operation}: {outcome}")
