"""The teller: the worker that talks to the payment provider, and tells payments what came of it.

Every call may be made twice, with the same idempotency key, and gets the same answer. An answer
nobody can be sure of is not told; the message is tried again later, for as long as it takes.

It does not know how far a payment has come. It tells what is true at the provider; the payment
takes what fits its attempt and leaves the rest.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from actors import Clock, Effect, Message, NotYetError, Worker, handle
from ticketing.payments import authorising, outcomes, queries, sweep
from ticketing.payments.alarm import CaptureAlarm
from ticketing.payments.messages import (
    TELLER,
    ActionRequired,
    Authorise,
    Authorised,
    Capture,
    Captured,
    CaptureImpossible,
    Declined,
    GiveBack,
    Look,
    LookAtRefund,
    NotSent,
    Refunded,
    RefundFailed,
    Sweep,
    Swept,
    TakenAnyway,
    Void,
    Voided,
    payment,
    reconciler,
)
from ticketing.payments.outcomes import Unknown
from ticketing.payments.transport import StripeTransport
from ticketing.reads import Reads
from ticketing.values import OrderId
from ticketing.vault import Vault

__all__ = ["Teller"]

log = structlog.get_logger("ticketing.teller")

T = TypeVar("T")

# A key whose stored answer is an error is followed by the next one; after a few there is no point
# in asking again at once.
ROUNDS_MAX: Final = 3


class Teller(Worker):
    """Ten calls at once (payments.md): enough for a sale, too few to trip the provider's limits.

    *vault* seals what only the buyer's browser may know. `alarm` has a gauge for the node.
    """

    kind, service, concurrency, queue_size_max = TELLER, "payments", 10, 0
    parks = False

    def __init__(
        self, transport: StripeTransport, *, vault: Vault, reads: Reads, clock: Clock
    ) -> None:
        self._transport = transport
        self._vault = vault
        self._reads = reads
        self.alarm = CaptureAlarm(clock)

    async def close(self) -> None:
        await self._transport.close()

    @handle
    async def authorise(self, message: Authorise, effect: Effect) -> None:
        if message.replaces is not None:
            number = message.replaces_number or message.number - 1
            _tell(effect, await self._dropped(number, message.replaces, effect))
        outcome = await authorising.authorise(self._transport, message, effect)
        told = await self._standing(message.number, outcome, effect)
        if told is None:
            raise _undecided("authorise", effect, outcome)
        _tell(effect, told)

    @handle
    async def look(self, message: Look, effect: Effect) -> None:
        intent = await self._transport.retrieve(message.intent_id)
        if isinstance(intent, outcomes.Unknown):
            raise _undecided("look", effect, intent)
        if isinstance(intent, outcomes.Missing):
            # A hint that was not true. Nothing follows from it.
            log.error("payment.intent_missing", order=effect.key, intent=message.intent_id)
            return
        if not message.is_own and intent.order_id != effect.key:
            # Nor was that one: somebody else's money is not this payment's to give back.
            log.error("payment.intent_of_another", order=effect.key, intent=message.intent_id)
            return
        outcome = self._transport.standing(
            intent,
            order_id=effect.key,
            amount_minor=message.amount_minor,
            currency=message.currency,
        )
        if isinstance(outcome, outcomes.ActionRequired) and not message.asked:
            return
        number = _number(intent, message)
        if isinstance(outcome, outcomes.Captured) and intent.attempt == number:
            # If it was settled, this is the capture. Else what follows is an authorisation that
            # sells the ticket, or finds that it is gone and gives the money back.
            _tell(effect, Captured(number=number, intent_id=intent.id))
        told = await self._standing(number, outcome, effect)
        if told is not None:
            _tell(effect, told)

    @handle
    async def capture(self, message: Capture, effect: Effect) -> None:
        outcome = await _in_rounds(
            lambda key_round: self._transport.capture(
                intent_id=message.intent_id, amount_minor=message.amount_minor, key_round=key_round
            )
        )
        match outcome:
            case outcomes.Captured():
                intent_id = message.intent_id
                _tell(effect, Captured(number=message.number, intent_id=intent_id))
            case outcomes.Impossible():
                log.error("payment.capture_impossible", order=effect.key)
                _tell(effect, CaptureImpossible(number=message.number))
            case outcomes.Mismatch():
                log.error("payment.mismatch", order=effect.key, what=outcome.what)
                _tell(effect, _taken_wrongly(message.number, outcome))
            case outcomes.Unknown():
                raise _undecided("capture", effect, outcome)

    @handle
    async def void(self, message: Void, effect: Effect) -> None:
        _tell(effect, await self._dropped(message.number, message.intent_id, effect))

    @handle
    async def give_back(self, message: GiveBack, effect: Effect) -> None:
        outcome = await _in_rounds(
            lambda key_round: self._transport.give_back(
                intent_id=message.intent_id,
                order_id=effect.key,
                amount_minor=message.amount_minor,
                refund_round=message.key_round,
                key_round=key_round,
            )
        )
        # Whoever is told that the money is on its way is not told again if it is not.
        if isinstance(outcome, outcomes.RefundPending | outcomes.Unknown):
            raise _undecided("refund", effect, outcome)
        self._tell_refund(effect, message, outcome)

    @handle
    async def look_at_refund(self, message: LookAtRefund, effect: Effect) -> None:
        outcome = await self._transport.refund(message.refund_id)
        if isinstance(outcome, outcomes.Unknown):
            raise _undecided("look_at_refund", effect, outcome)
        if not isinstance(outcome, outcomes.RefundPending):
            self._tell_refund(effect, message, outcome)

    def _tell_refund(
        self,
        effect: Effect,
        asked: GiveBack | LookAtRefund,
        outcome: outcomes.Refunded | outcomes.RefundFailed,
    ) -> None:
        if isinstance(outcome, outcomes.RefundFailed):
            self.alarm.refunds_failed.inc()
        _tell(effect, _refund(asked, outcome))

    @handle
    async def sweep(self, message: Sweep, effect: Effect) -> None:
        self.alarm.measured(await queries.unknown_captures(self._reads))
        swept = await sweep.look(self._transport, self._reads, message.since, effect.now)
        if isinstance(swept, outcomes.Unknown):
            raise _undecided("sweep", effect, swept)
        self.alarm.unclaimed(swept.unclaimed)
        for hint in swept.hints:
            effect.tell(payment(hint.order_id), hint.message, name=hint.name)
        effect.tell(reconciler(), Swept(until=swept.until, touched=len(swept.hints)))

    async def _standing(
        self, number: int, outcome: outcomes.Authorisation, effect: Effect
    ) -> Message[None] | None:
        """What attempt *number* is told of an intent; None if nothing follows from its status."""
        match outcome:
            case outcomes.Authorised() | outcomes.Captured():
                return Authorised(number=number, intent_id=outcome.intent_id)
            case outcomes.ActionRequired():
                return ActionRequired(
                    number=number,
                    intent_id=outcome.intent_id,
                    secret=self._vault.seal(outcome.client_secret),
                )
            case outcomes.Declined() | outcomes.Voided():
                code = outcome.code if isinstance(outcome, outcomes.Declined) else "canceled"
                return _declined(number, code, outcome.intent_id)
            case outcomes.Mismatch():
                log.error("payment.mismatch", order=effect.key, what=outcome.what)
                dropped = await self._dropped(number, outcome.intent_id, effect, "mismatch")
                is_void = isinstance(dropped, Voided)
                return _declined(number, "mismatch", outcome.intent_id) if is_void else dropped
            case outcomes.NotSent():
                return NotSent(number=number)
            case outcomes.Unknown():
                return None

    async def _dropped(
        self, number: int, intent_id: str, effect: Effect, why: str = "captured"
    ) -> Voided | TakenAnyway:
        """Void an intent; what attempt *number* is told of it.

        Raises:
            NotYetError: nobody knows whether it is void.

        """
        outcome = await _in_rounds(
            lambda key_round: self._transport.void(intent_id=intent_id, key_round=key_round)
        )
        match outcome:
            case outcomes.Voided():
                return Voided(number=number, intent_id=intent_id)
            case outcomes.Captured():
                return TakenAnyway(
                    number=number,
                    intent_id=intent_id,
                    amount_minor=outcome.amount_minor,
                    currency=outcome.currency,
                    why=why,
                )
            case outcomes.Unknown():
                raise _undecided("void", effect, outcome)


def _tell(effect: Effect, message: Message[None]) -> None:
    effect.tell(payment(OrderId(effect.key)), message)


def _number(intent: outcomes.Intent, message: Look) -> int:
    """The attempt that made *intent*, if it says so: a payment asks for the latest if in doubt."""
    its_own = intent.attempt or 0
    return its_own if 0 < its_own <= message.number else message.number


def _declined(number: int, code: str, intent_id: str | None) -> Declined:
    return Declined(number=number, decline_code=code, intent_id=intent_id)


def _taken_wrongly(number: int, outcome: outcomes.Mismatch) -> TakenAnyway:
    return TakenAnyway(
        number=number,
        intent_id=outcome.intent_id,
        amount_minor=outcome.taken_minor,
        currency=outcome.currency,
        why="mismatch",
    )


def _refund(
    asked: GiveBack | LookAtRefund, outcome: outcomes.Refunded | outcomes.RefundFailed
) -> Refunded | RefundFailed:
    number, intent_id = asked.number, asked.intent_id
    if isinstance(outcome, outcomes.Refunded):
        return Refunded(number=number, refund_id=outcome.refund_id, intent_id=intent_id)
    return RefundFailed(number=number, why=outcome.why, intent_id=intent_id)


async def _in_rounds(call: Callable[[int], Awaitable[T]]) -> T:
    """Call with the next idempotency key while the answer kept under one is an error."""
    for key_round in range(1, ROUNDS_MAX):
        outcome = await call(key_round)
        if not (isinstance(outcome, Unknown) and outcome.stored):
            return outcome
    return await call(ROUNDS_MAX)


def _undecided(operation: str, effect: Effect, outcome: object) -> NotYetError:
    log.warning("payment.undecided", key=effect.key, operation=operation, outcome=str(outcome))
    return NotYetError(f"{operation}: {outcome}")
