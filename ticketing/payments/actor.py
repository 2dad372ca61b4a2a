"""The payment actor: one an order; it decides what is attempted and remembers what came of it.

It never waits for the payment provider. Each step is recorded first and then told to the teller;
the teller tells the outcome, as often as it must, so every handler here may run twice.
"""

from actors import Actor, NotFoundError, Turn, handle
from ticketing.errors import OrderCompleteError, PaymentInProgressError
from ticketing.orders import messages as orders
from ticketing.orders.messages import ORDER
from ticketing.payments.ledger import capture_movements
from ticketing.payments.messages import (
    PAYMENT,
    Authorise,
    Authorised,
    Capture,
    Captured,
    Declined,
    NotSent,
    Pay,
    Void,
    Voided,
    teller,
)
from ticketing.payments.state import (
    Attempt,
    AttemptAuthorised,
    AttemptDeclined,
    AttemptNotSent,
    AttemptStarted,
    AttemptStatus,
    PaymentCaptured,
    PaymentSettled,
    PaymentState,
    PaymentStatus,
    PaymentVoided,
    VoidRequested,
)

__all__ = ["Payment"]


class Payment(Actor[PaymentState]):
    """One payment. *attempts_max* declines cancel the order; *fee_percent* is the house's share."""

    kind, service, table, asks = PAYMENT, "payments", "payments", (ORDER,)
    parks = False  # Money is never set aside: its messages are retried until they are understood.

    def __init__(self, *, attempts_max: int, fee_percent: float) -> None:
        self.attempts_max = attempts_max
        self.fee_percent = fee_percent

    @handle(creates=True)
    async def pay(self, message: Pay, turn: Turn[PaymentState]) -> PaymentState:
        if turn.exists:
            refuse_unless_payable(turn.state, message)
        bill = await turn.ask(
            orders.order(turn.state.id), orders.BeginPayment(buyer_id=message.buyer_id)
        )
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
            teller(turn.state.id),
            Authorise(
                number=number,
                amount_minor=bill.amount_minor,
                currency=bill.currency,
                token=message.token,
            ),
        )
        return turn.state

    @handle
    async def authorised(self, message: Authorised, turn: Turn[PaymentState]) -> None:
        attempt = attempt_in(turn, message.number, AttemptStatus.STARTED)
        if attempt is None:
            return
        # The moment of sale: the ticket is sold to this order, or it is gone.
        is_sold = await turn.ask(orders.order(turn.state.id), orders.Settle())
        turn.record(
            AttemptAuthorised(at=turn.now, number=message.number, intent_id=message.intent_id)
        )
        if is_sold:
            turn.record(PaymentSettled(at=turn.now, number=message.number))
            amount = turn.state.amount_minor
            capture = Capture(
                number=message.number, intent_id=message.intent_id, amount_minor=amount
            )
            turn.tell(teller(turn.state.id), capture)
        else:
            turn.record(VoidRequested(at=turn.now, number=message.number))
            void = Void(number=message.number, intent_id=message.intent_id)
            turn.tell(teller(turn.state.id), void)

    @handle
    async def declined(self, message: Declined, turn: Turn[PaymentState]) -> None:
        if attempt_in(turn, message.number, AttemptStatus.STARTED) is None:
            return
        left = max(turn.state.attempts_left - 1, 0)
        order = orders.order(turn.state.id)
        await turn.ask(order, orders.EndPayment(final=left == 0))
        turn.record(
            AttemptDeclined(
                at=turn.now,
                number=message.number,
                decline_code=message.decline_code,
                attempts_left=left,
            )
        )

    @handle
    async def not_sent(self, message: NotSent, turn: Turn[PaymentState]) -> None:
        if attempt_in(turn, message.number, AttemptStatus.STARTED) is None:
            return
        await turn.ask(orders.order(turn.state.id), orders.EndPayment(final=False))
        turn.record(AttemptNotSent(at=turn.now, number=message.number))

    @handle
    async def captured(self, message: Captured, turn: Turn[PaymentState]) -> None:
        if attempt_in(turn, message.number, AttemptStatus.SETTLED) is None:
            return
        turn.record(PaymentCaptured(at=turn.now, number=message.number))
        for movement in capture_movements(turn.state, fee_percent=self.fee_percent, at=turn.now):
            turn.append(movement)
        turn.tell(orders.order(turn.state.id), orders.Complete(at=turn.now))

    @handle
    async def voided(self, message: Voided, turn: Turn[PaymentState]) -> None:
        if attempt_in(turn, message.number, AttemptStatus.VOIDING) is not None:
            turn.record(PaymentVoided(at=turn.now, number=message.number))


def attempt_in(turn: Turn[PaymentState], number: int, status: AttemptStatus) -> Attempt | None:
    """The attempt *number* if it is the latest and in *status*; else this message came before."""
    attempt = turn.state.attempt
    if attempt is None or (attempt.number, attempt.status) != (number, status):
        return None
    return attempt


def refuse_unless_payable(payment: PaymentState, message: Pay) -> None:
    """Whether another attempt may start, as far as the payment knows by itself."""
    if payment.buyer_id != message.buyer_id:
        raise NotFoundError
    if payment.status is PaymentStatus.CAPTURED:
        raise OrderCompleteError
    if payment.status in {PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_ACTION}:
        raise PaymentInProgressError
