"""Waiting for what comes of an attempt to pay: on committed changes, never on a promise.

The watch begins before the attempt does, so that no change is missed. Only what may have happened
before the watch began (the request is a retry), or got lost on the way, is looked up.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar, cast

from actors import Clock, RefusalError, State, Subscription
from ticketing import orders, payments
from ticketing.errors import OrderCancelledError, OrderExpiredError
from ticketing.orders import CancelReason, OrderState, OrderStatus
from ticketing.orders import queries as order_queries
from ticketing.payments import Attempt, AttemptStatus, PaymentState
from ticketing.payments import queries as payment_queries
from ticketing.reads import Reads
from ticketing.values import OrderId, UserId
from web.gateway import Gateway
from web.refusals import PaymentDeclinedError, ProviderUnavailableError

__all__ = ["Watch", "watch"]

S = TypeVar("S", bound=State)

# As long as a client waits for any ask; who wants to know after that looks at the payment.
_WAIT_SECONDS: Final = 10.0

_UNDER_WAY: Final = frozenset(
    {
        AttemptStatus.STARTED,
        AttemptStatus.AUTHORISED,
        AttemptStatus.SETTLED,
        AttemptStatus.VOIDING,
    }
)


@contextmanager
def watch(gateway: Gateway, order_id: OrderId, buyer_id: UserId) -> Iterator["Watch"]:
    """Hear, while the context lasts, what becomes of *buyer_id*'s payment and its order."""
    runtime = gateway.runtime
    subscribe = runtime.bus.subscribe
    with (
        subscribe(payments.payment(order_id)) as paid,
        subscribe(orders.order(order_id)) as ordered,
    ):
        yield Watch(gateway.reads, runtime.clock, order_id, buyer_id, paid=paid, ordered=ordered)


class Watch:
    """One payment and its order."""

    def __init__(
        self,
        reads: Reads,
        clock: Clock,
        order_id: OrderId,
        buyer_id: UserId,
        *,
        paid: Subscription,
        ordered: Subscription,
    ) -> None:
        self._reads = reads
        self._clock = clock
        self._order_id = order_id
        self._buyer_id = buyer_id
        self._paid = paid
        self._ordered = ordered
        self._ends = clock.monotonic() + _WAIT_SECONDS

    async def is_captured(self, started: PaymentState, *, is_retry: bool) -> bool:
        """Whether the attempt *started* has taken the money and completed the order.

        False: it is not known yet, and the time is up.

        Raises:
            PaymentDeclinedError, ProviderUnavailableError: it ended so.
            OrderExpiredError, OrderCancelledError: the ticket was gone; nobody was charged.

        """
        number = len(started.attempts)
        payment = await self._stored_payment() if is_retry else started
        payment = await self._until(
            lambda now: _attempt(now, number).status not in _UNDER_WAY,
            payment,
            self._paid,
            self._stored_payment,
        )
        attempt = None if payment is None else _attempt(payment, number)
        if payment is None or attempt is None or attempt.status in _UNDER_WAY:
            return False
        if attempt.status is not AttemptStatus.CAPTURED:
            raise await self._refusal(payment, attempt)
        order = await self._until(
            lambda now: now.status is OrderStatus.COMPLETE,
            await self._stored_order() if is_retry else None,
            self._ordered,
            self._stored_order,
        )
        return order is not None and order.status is OrderStatus.COMPLETE

    async def _until(
        self,
        is_enough: Callable[[S], bool],
        state: S | None,
        changes: Subscription,
        look_up: Callable[[], Awaitable[S | None]],
    ) -> S | None:
        """The first state, from *state* on, that *is_enough*; what is stored if time is up."""
        while state is None or not is_enough(state):
            try:
                change = await changes.next(timeout=self._ends - self._clock.monotonic())
            except TimeoutError:
                return await look_up()
            state = cast("S", change.state)
        return state

    async def _refusal(self, payment: PaymentState, attempt: Attempt) -> RefusalError:
        if attempt.status is AttemptStatus.NOT_SENT:
            return ProviderUnavailableError()
        if attempt.status is AttemptStatus.DECLINED:
            return PaymentDeclinedError(
                decline_code=attempt.decline_code, attempts_left=payment.attempts_left
            )
        order = await self._stored_order()
        is_expired = order is not None and order.cancel_reason is CancelReason.EXPIRED
        return OrderExpiredError() if is_expired else OrderCancelledError()

    async def _stored_payment(self) -> PaymentState | None:
        return await payment_queries.find(self._reads, self._order_id, self._buyer_id)

    async def _stored_order(self) -> OrderState | None:
        own = await order_queries.find(self._reads, self._order_id, self._buyer_id)
        return None if own is None else own.order


def _attempt(payment: PaymentState, number: int) -> Attempt:
    return payment.attempts[number - 1]
