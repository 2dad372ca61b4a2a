"""The payment actor: one an order; it decides what is attempted and remembers what came of it.

It never waits for the payment provider. Each step is recorded first and then told to the teller;
the teller tells the outcome, as often as it must, so every handler here may run twice, and what an
attempt has left behind is dropped wherever it turns up.
"""

from decimal import Decimal

import structlog

from actors import Actor, NotFoundError, Turn, handle
from ticketing.audit import messages as audit
from ticketing.errors import OrderNotCompleteError
from ticketing.orders import messages as orders
from ticketing.orders.messages import ORDER
from ticketing.payments import ledger
from ticketing.payments.facts import (
    AttemptActionRequired,
    AttemptAuthorised,
    AttemptDeclined,
    AttemptNotSent,
    AttemptStarted,
    CaptureFailed,
    PaymentAbandoned,
    PaymentCaptured,
    PaymentRefunded,
    PaymentSettled,
    PaymentVoided,
    VoidRequested,
)
from ticketing.payments.facts import RefundFailed as RefundHasFailed
from ticketing.payments.messages import (
    PAYMENT,
    Abandon,
    ActionRequired,
    Authorise,
    Authorised,
    Capture,
    Captured,
    CaptureImpossible,
    Confirm,
    Declined,
    FoundSold,
    LookAtRefund,
    NotSent,
    Pay,
    Refund,
    Refunded,
    RefundFailed,
    TakenAnyway,
    Touch,
    TouchRefund,
    Void,
    Voided,
    teller,
)
from ticketing.payments.state import AttemptStatus, PaymentState, PaymentStatus
from ticketing.payments.steps import (
    HOPING,
    attempt_in,
    attempt_of,
    drop_unless_bound,
    give_back,
    look,
    may_matter,
    refuse_unless_payable,
    void,
)
from ticketing.values import OrderId

__all__ = ["Payment"]

log = structlog.get_logger("ticketing.payment")


class Payment(Actor[PaymentState]):
    """One payment. *attempts_max* declines cancel the order; *fee_percent* is the house's share."""

    kind, service, table, asks = PAYMENT, "payments", "payments", (ORDER,)
    parks = False  # Money is never set aside: its messages are retried until they are understood.

    def __init__(self, *, attempts_max: int, fee_percent: Decimal) -> None:
        self.attempts_max = attempts_max
        self.fee_percent = fee_percent

    @handle(creates=True)
    async def pay(self, message: Pay, turn: Turn[PaymentState]) -> PaymentState:
        if turn.exists:
            refuse_unless_payable(turn.state, message)
        bill = await turn.ask(
            orders.order(turn.state.id), orders.BeginPayment(buyer_id=message.buyer_id)
        )
        waiting = turn.state.attempt
        if waiting is not None and waiting.status is AttemptStatus.ACTION_REQUIRED:
            turn.record(VoidRequested(at=turn.now, number=waiting.number))
        else:
            waiting = None
        number = len(turn.state.attempts) + 1
        turn.record(
            AttemptStarted(
                at=turn.now,
                number=number,
                attempts_left=turn.state.attempts_left if turn.exists else self.attempts_max,
                buyer_id=bill.buyer_id,
                seller_id=bill.seller_id,
                amount_minor=bill.amount_minor,
                currency=bill.currency,
            )
        )
        turn.tell(
            teller(turn.key),
            Authorise(
                number=number,
                amount_minor=bill.amount_minor,
                currency=bill.currency,
                token=message.token,
                started_at=turn.now,
                replaces=None if waiting is None else waiting.intent_id,
                replaces_number=None if waiting is None else waiting.number,
            ),
        )
        return turn.state

    @handle
    async def confirm(self, message: Confirm, turn: Turn[PaymentState]) -> PaymentState:
        if turn.state.buyer_id != message.buyer_id:
            raise NotFoundError
        attempt = turn.state.attempt
        if attempt is not None and attempt.status is AttemptStatus.ACTION_REQUIRED:
            assert attempt.intent_id is not None
            look(turn, attempt.number, attempt.intent_id, asked=True)
        return turn.state

    @handle(creates=True)
    async def touch(self, message: Touch, turn: Turn[PaymentState]) -> None:
        attempt = turn.state.of_intent(message.intent_id) or turn.state.attempt
        if attempt is not None and may_matter(attempt, message):
            look(turn, attempt.number, message.intent_id)

    @handle(creates=True)
    async def touch_refund(self, message: TouchRefund, turn: Turn[PaymentState]) -> None:
        attempt = turn.state.of_intent(message.intent_id)
        if attempt is not None and attempt.refund_id is not None:
            turn.tell(
                teller(turn.key),
                LookAtRefund(
                    number=attempt.number,
                    intent_id=message.intent_id,
                    refund_id=attempt.refund_id,
                ),
            )

    @handle(creates=True)
    async def abandon(self, message: Abandon, turn: Turn[PaymentState]) -> None:  # noqa: ARG002
        attempt = turn.state.attempt
        if attempt is None or attempt.status not in HOPING or turn.state.abandoned_at is not None:
            return
        turn.record(PaymentAbandoned(at=turn.now))
        if attempt.intent_id is not None:
            void(turn, attempt.number, attempt.intent_id)

    @handle(creates=True)
    async def found_sold(self, message: FoundSold, turn: Turn[PaymentState]) -> None:  # noqa: ARG002
        # The attempt that sold it may have given way before it knew, and no other may be left.
        attempt = turn.state.attempt
        if attempt is None or not attempt.may_pay:
            await turn.ask(orders.order(OrderId(turn.key)), orders.Undo())

    @handle
    async def action_required(self, message: ActionRequired, turn: Turn[PaymentState]) -> None:
        if attempt_in(turn, message.number, HOPING, message.intent_id) is None:
            return
        if turn.state.abandoned_at is not None:
            void(turn, message.number, message.intent_id)
            return
        turn.record(
            AttemptActionRequired(
                at=turn.now,
                number=message.number,
                intent_id=message.intent_id,
                secret=message.secret,
            )
        )

    @handle
    async def authorised(self, message: Authorised, turn: Turn[PaymentState]) -> None:
        if attempt_in(turn, message.number, HOPING, message.intent_id) is None:
            drop_unless_bound(turn, message)
            return
        # The moment of sale: the ticket is sold to this order, or it is gone.
        settle = orders.Settle(attempt=message.number)
        is_sold = await turn.ask(orders.order(turn.state.id), settle)
        turn.record(
            AttemptAuthorised(at=turn.now, number=message.number, intent_id=message.intent_id)
        )
        if not is_sold:
            void(turn, message.number, message.intent_id)
            return
        turn.record(PaymentSettled(at=turn.now, number=message.number))
        amount = turn.state.amount_minor
        capture = Capture(number=message.number, intent_id=message.intent_id, amount_minor=amount)
        turn.tell(teller(turn.key), capture)

    @handle
    async def declined(self, message: Declined, turn: Turn[PaymentState]) -> None:
        attempt = attempt_in(turn, message.number, HOPING, message.intent_id)
        if attempt is None:
            return
        left = max(turn.state.attempts_left - 1, 0)
        order = orders.order(turn.state.id)
        await turn.ask(order, orders.EndPayment(final=left == 0, attempt=message.number))
        turn.record(
            AttemptDeclined(
                at=turn.now,
                number=message.number,
                decline_code=message.decline_code,
                attempts_left=left,
                intent_id=message.intent_id,
            )
        )
        if attempt.status is AttemptStatus.ACTION_REQUIRED and attempt.intent_id is not None:
            # A browser has its secret and could try this intent again, unasked.
            turn.tell(teller(turn.key), Void(number=attempt.number, intent_id=attempt.intent_id))

    @handle
    async def not_sent(self, message: NotSent, turn: Turn[PaymentState]) -> None:
        if attempt_in(turn, message.number, {AttemptStatus.STARTED}) is None:
            return
        end = orders.EndPayment(final=False, attempt=message.number)
        await turn.ask(orders.order(turn.state.id), end)
        turn.record(AttemptNotSent(at=turn.now, number=message.number))

    @handle
    async def captured(self, message: Captured, turn: Turn[PaymentState]) -> None:
        if attempt_in(turn, message.number, {AttemptStatus.SETTLED}, message.intent_id) is None:
            return
        fee = ledger.fee(turn.state.amount_minor, self.fee_percent)
        turn.record(PaymentCaptured(at=turn.now, number=message.number, fee_minor=fee))
        for movement in ledger.captured(turn.state, attempt_of(turn, message.number), turn.now):
            turn.append(movement)
        turn.tell(orders.order(turn.state.id), orders.Complete(at=turn.now))

    @handle
    async def capture_impossible(
        self, message: CaptureImpossible, turn: Turn[PaymentState]
    ) -> None:
        if attempt_in(turn, message.number, {AttemptStatus.SETTLED}) is None:
            return
        await turn.ask(orders.order(turn.state.id), orders.Undo(attempt=message.number))
        turn.record(CaptureFailed(at=turn.now, number=message.number))

    @handle
    async def voided(self, message: Voided, turn: Turn[PaymentState]) -> None:
        if attempt_in(turn, message.number, {AttemptStatus.VOIDING}, message.intent_id) is not None:
            turn.record(PaymentVoided(at=turn.now, number=message.number))

    @handle
    async def taken_anyway(self, message: TakenAnyway, turn: Turn[PaymentState]) -> None:
        attempt = attempt_of(turn, message.number)
        if attempt.taken_minor:
            drop_unless_bound(turn, message)  # Else it is what was captured, or is on its way back.
            return
        if attempt.status is AttemptStatus.SETTLED:
            await turn.ask(orders.order(turn.state.id), orders.Undo(attempt=message.number))
        elif attempt.status in HOPING:
            end = orders.EndPayment(final=False, attempt=message.number)
            await turn.ask(orders.order(turn.state.id), end)
        log.error("payment.taken_anyway", order=turn.key, why=message.why)
        amount = message.amount_minor
        for movement in ledger.taken(turn.state, message.number, amount, turn.now):
            turn.append(movement)
        give_back(turn, message.number, message.intent_id, amount, message.why)

    @handle
    async def refund(self, message: Refund, turn: Turn[PaymentState]) -> PaymentState:
        attempt = turn.state.attempt
        if attempt is None or attempt.intent_id is None:
            raise OrderNotCompleteError
        if attempt.status in {AttemptStatus.REFUNDING, AttemptStatus.REFUNDED}:
            return turn.state
        if turn.state.status is not PaymentStatus.CAPTURED:
            raise OrderNotCompleteError
        # One commit: whoever hears of this refund, all of them will.
        give_back(turn, attempt.number, attempt.intent_id, attempt.taken_minor, "admin")
        turn.tell(orders.order(turn.state.id), orders.Refund(relist=message.relist))
        turn.tell(
            audit.log(),
            audit.Note(
                at=turn.now,
                by=message.by,
                action="order.refund",
                subject=f"order:{turn.key}",
                reason=message.reason,
                before={"payment": PaymentStatus.CAPTURED.value},
                after={"payment": "refunding", "relist": message.relist},
            ),
        )
        return turn.state

    @handle
    async def refunded(self, message: Refunded, turn: Turn[PaymentState]) -> None:
        attempt = attempt_in(turn, message.number, {AttemptStatus.REFUNDING}, message.intent_id)
        if attempt is None:
            return
        turn.record(
            PaymentRefunded(at=turn.now, number=message.number, refund_id=message.refund_id)
        )
        for movement in ledger.given_back(turn.state, attempt, turn.now):
            turn.append(movement)

    @handle
    async def refund_failed(self, message: RefundFailed, turn: Turn[PaymentState]) -> None:
        refunds = {AttemptStatus.REFUNDING, AttemptStatus.REFUNDED}
        attempt = attempt_in(turn, message.number, refunds, message.intent_id)
        if attempt is None:
            return
        log.error("payment.refund_failed", order=turn.key, why=message.why)
        if attempt.status is AttemptStatus.REFUNDED:
            for movement in ledger.come_back(turn.state, attempt, turn.now):
                turn.append(movement)
        turn.record(RefundHasFailed(at=turn.now, number=message.number, why=message.why))
