"""The order actor: one buyer's attempt to buy one ticket.

The ticket alone judges who holds it. An order is cancelled only after asking the ticket to let go,
and settled only after asking it to be sold; on "too late, it is sold to you" it goes on to
completion instead.
"""

from datetime import timedelta
from typing import Final

from actors import Actor, AskIdReusedError, NotFoundError, Turn, handle
from ticketing.errors import (
    OrderCancelledError,
    OrderCompleteError,
    OrderExpiredError,
    PaymentInProgressError,
)
from ticketing.orders.messages import (
    ORDER,
    Adopt,
    BeginPayment,
    Bill,
    Cancel,
    Cancelled,
    Complete,
    EndPayment,
    Expire,
    Place,
    Placed,
    Refund,
    Settle,
    Undo,
)
from ticketing.orders.state import (
    CancelReason,
    OrderCancelled,
    OrderCompleted,
    OrderPaymentBegun,
    OrderPaymentEnded,
    OrderPlaced,
    OrderSettled,
    OrderState,
    OrderStatus,
)
from ticketing.payments import messages as payments
from ticketing.tickets import messages as tickets
from ticketing.tickets.messages import TICKET
from ticketing.values import OrderId

__all__ = ["Order"]

EXPIRE_TIMER: Final = "expire"


class Order(Actor[OrderState]):
    """One order. *window* is how long its ticket stays reserved."""

    kind, service, table, asks = ORDER, "orders", "orders", (TICKET,)

    def __init__(self, *, window: timedelta, cooldown: bool = True) -> None:
        self.window = window
        self.cooldown = cooldown

    @handle(creates=True)
    async def place(self, message: Place, turn: Turn[OrderState]) -> Placed:
        if turn.exists:
            if (turn.state.ticket_id, turn.state.buyer_id) != (message.ticket_id, message.buyer_id):
                raise AskIdReusedError
            return Placed(order=turn.state)
        reserve = tickets.Reserve(
            order_id=OrderId(turn.key),
            buyer_id=message.buyer_id,
            window=self.window,
            price_minor=message.price_minor,
            cooldown=self.cooldown,
        )
        held = await turn.ask(tickets.ticket(message.ticket_id), reserve)
        if held.order_id != turn.key:
            return Placed(held=held)
        place(turn, held)
        return Placed(order=turn.state)

    @handle(creates=True)
    async def adopt(self, message: Adopt, turn: Turn[OrderState]) -> OrderState:
        if not turn.exists:
            place(turn, message.reservation)
        return turn.state

    @handle
    async def cancel(self, message: Cancel, turn: Turn[OrderState]) -> Cancelled:
        if message.buyer_id not in {None, turn.state.buyer_id}:
            raise NotFoundError
        if turn.state.status is OrderStatus.CANCELLED:
            return Cancelled(order=turn.state, cancelled=True)
        if turn.state.status is OrderStatus.COMPLETE:
            raise OrderCompleteError
        if not turn.state.is_live:
            raise PaymentInProgressError
        cancelled = await let_go(turn, message.reason)
        return Cancelled(order=turn.state, cancelled=cancelled)

    @handle
    async def expire(self, message: Expire, turn: Turn[OrderState]) -> None:  # noqa: ARG002
        if turn.state.is_live and turn.now >= turn.state.expires_at:
            await let_go(turn, CancelReason.EXPIRED)

    @handle
    async def begin_payment(self, message: BeginPayment, turn: Turn[OrderState]) -> Bill:
        order = turn.state
        if order.buyer_id != message.buyer_id:
            raise NotFoundError
        refuse_unless_payable(order)
        if turn.now >= order.expires_at:
            raise OrderExpiredError
        if order.status is OrderStatus.CREATED:
            turn.record(OrderPaymentBegun())
        return Bill(
            order_id=order.id,
            buyer_id=order.buyer_id,
            seller_id=order.seller_id,
            amount_minor=order.price_minor,
            currency=order.currency,
        )

    @handle
    async def end_payment(self, message: EndPayment, turn: Turn[OrderState]) -> None:
        if not turn.state.is_live:
            await undo_unpaid(turn, message.attempt)
        elif message.final:
            await let_go(turn, CancelReason.PAYMENT_FAILED)
        elif turn.state.status is OrderStatus.AWAITING_PAYMENT:
            turn.record(OrderPaymentEnded())

    @handle
    async def settle(self, message: Settle, turn: Turn[OrderState]) -> bool:
        if turn.state.status is OrderStatus.CANCELLED:
            return False
        if turn.state.is_live:
            sell = tickets.Sell(order_id=turn.state.id)
            if not await turn.ask(tickets.ticket(turn.state.ticket_id), sell):
                return False
            settle(turn, found=message.found, attempt=message.attempt)
        elif turn.state.settled_at is not None and is_later(message.attempt, turn.state):
            # An earlier attempt sold it and gave way before it knew: the sale is this one's now.
            turn.record(OrderSettled(at=turn.state.settled_at, attempt=message.attempt))
        return True

    @handle
    async def complete(self, message: Complete, turn: Turn[OrderState]) -> None:
        is_waiting = turn.state.status is OrderStatus.AWAITING_PAYMENT
        if is_waiting and turn.state.settled_at is not None:
            turn.record(OrderCompleted(at=message.at))

    @handle
    async def undo(self, message: Undo, turn: Turn[OrderState]) -> None:
        await undo_unpaid(turn, message.attempt)

    @handle
    async def refund(self, message: Refund, turn: Turn[OrderState]) -> None:
        if turn.state.settled_at is None or turn.state.status is OrderStatus.CANCELLED:
            return
        turn.record(OrderCancelled(at=turn.now, reason=CancelReason.REFUNDED))
        # After the order: it must not show any more what the ticket's next buyer will pay for.
        unsell = tickets.Unsell(order_id=turn.state.id, relist=message.relist)
        turn.tell(tickets.ticket(turn.state.ticket_id), unsell)


def place(turn: Turn[OrderState], held: tickets.Reservation) -> None:
    """Record the order of the reservation *held*; its deadline is the reservation's."""
    turn.record(
        OrderPlaced(
            at=turn.now,
            ticket_id=held.ticket_id,
            ticket_version=held.ticket_version,
            buyer_id=held.buyer_id,
            seller_id=held.seller_id,
            title=held.title,
            price_minor=held.price_minor,
            currency=held.currency,
            expires_at=held.until,
        )
    )
    turn.schedule(EXPIRE_TIMER, held.until, Expire())


def settle(turn: Turn[OrderState], *, found: bool, attempt: int | None = None) -> None:
    """Record that the ticket is sold to this order; its deadline counts no more.

    If it was *found* to be so, the attempt that sold it may have given way to another: the payment
    says whether there is money for it.
    """
    turn.record(OrderSettled(at=turn.now, attempt=attempt))
    turn.cancel(EXPIRE_TIMER)
    if found:
        turn.tell(payments.payment(turn.state.id), payments.FoundSold())


def is_later(attempt: int | None, order: OrderState) -> bool:
    """Whether *attempt* came after the one that *order* is waiting to be paid by."""
    is_waiting = order.status is OrderStatus.AWAITING_PAYMENT
    return is_waiting and attempt is not None and attempt > (order.settled_for or 0)


async def undo_unpaid(turn: Turn[OrderState], attempt: int | None) -> None:
    """Cancel an order whose ticket is sold to it and that nobody will pay for.

    An ask takes effect although the turn that asked may have been given up since. So *attempt* may
    have ended long ago, and the sale be that of a later one, whose money is being taken.
    """
    if turn.state.settled_at is None or turn.state.status is not OrderStatus.AWAITING_PAYMENT:
        return
    if attempt is not None and attempt < (turn.state.settled_for or 0):
        return
    unsell = tickets.Unsell(order_id=turn.state.id, relist=True)
    await turn.ask(tickets.ticket(turn.state.ticket_id), unsell)
    turn.record(OrderCancelled(at=turn.now, reason=CancelReason.PAYMENT_FAILED))


async def let_go(turn: Turn[OrderState], reason: CancelReason) -> bool:
    """Ask the ticket to let go and cancel; False if the ticket is sold to this order already."""
    lapsed = reason is CancelReason.EXPIRED
    message = tickets.Release(
        order_id=turn.state.id,
        reason=tickets.ReleaseReason.LAPSED if lapsed else tickets.ReleaseReason.CANCELLED,
        until=turn.state.expires_at,
    )
    outcome = await turn.ask(tickets.ticket(turn.state.ticket_id), message)
    if outcome is tickets.ReleaseOutcome.SOLD:
        settle(turn, found=True)
        return False
    if (
        turn.state.status is OrderStatus.AWAITING_PAYMENT
        and reason is not CancelReason.PAYMENT_FAILED
    ):
        turn.tell(payments.payment(turn.state.id), payments.Abandon())
    turn.record(OrderCancelled(at=turn.now, reason=reason))
    turn.cancel(EXPIRE_TIMER)
    return True


def refuse_unless_payable(order: OrderState) -> None:
    """Whether paying for *order* can still lead anywhere."""
    if order.status is OrderStatus.COMPLETE:
        raise OrderCompleteError
    if order.cancel_reason is CancelReason.EXPIRED:
        raise OrderExpiredError
    if order.status is OrderStatus.CANCELLED:
        raise OrderCancelledError
    if not order.is_live:
        raise PaymentInProgressError
