"""Waiting for what comes of an attempt to pay: on committed changes, never on a promise.

The watch begins before the attempt does, so that no change is missed. Only what may have happened
before the watch began (the request is a retry), or got lost on the way, is looked up.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple, TypeVar, cast

from actors import Clock, RefusalError, State, Subscription, UnavailableError
from ticketing import orders, payments
from ticketing.errors import OrderCancelledError, OrderExpiredError, PaymentInProgressError
from ticketing.orders import CancelReason, OrderState, OrderStatus
from ticketing.orders import queries as order_queries
from ticketing.payments import Attempt, AttemptStatus, PaymentState, PaymentStatus
from ticketing.payments import queries as payment_queries
from ticketing.reads import Reads
from ticketing.values import OrderId, UserId
from web.gateway import Gateway
from web.refusals import PaymentDeclinedError, ProviderUnavailableError

__all__ = ["Outcome", "Watch", "watch"]

S = TypeVar("S", bound=State)

# As long as a client waits for any ask; who wants to know after that looks at the payment.
_WAIT_SECONDS: Final = 10.0

# A change that is not heard of, because its actor moved to another process just then, is found so.
_LOOK_SECONDS: Final = 2.0

_UNDER_WAY: Final = frozenset(
    {
        AttemptStatus.STARTED,
        AttemptStatus.AUTHORISED,
        AttemptStatus.SETTLED,
        AttemptStatus.VOIDING,
    }
)

_ENDED: Final = frozenset({OrderStatus.COMPLETE, OrderStatus.CANCELLED})


class Outcome(NamedTuple):
    """What came of an attempt: captured, requires_action, or processing: not known yet."""

    status: PaymentStatus
    secret: str | None = None
    """Sealed: what the buyer's browser needs for 3-D Secure."""


_NOT_KNOWN_YET: Final = Outcome(PaymentStatus.PROCESSING)


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

    async def outcome(self, started: PaymentState, *, is_retry: bool, looks: int = 0) -> Outcome:
        """What came of the attempt *started*: captured only once the order is complete, too.

        That the card holder has to act is an outcome, once the provider has said so more than
        *looks* times: who comes back from there has heard it before.

        Raises:
            PaymentDeclinedError, ProviderUnavailableError: it ended so.
            OrderExpiredError, OrderCancelledError: the ticket was gone; nobody was charged.
            PaymentInProgressError: another card has been tried since.

        """
        number = len(started.attempts)

        def is_known(now: PaymentState) -> bool:
            attempt = _attempt(now, number)
            if attempt.status is AttemptStatus.ACTION_REQUIRED:
                return attempt.looks > looks
            return attempt.status not in _UNDER_WAY

        payment = await self._until(
            is_known,
            await self._stored_payment() if is_retry else started,
            self._paid,
            self._stored_payment,
        )
        if payment is None or not is_known(payment):
            return _NOT_KNOWN_YET
        attempt = _attempt(payment, number)
        if attempt.status is AttemptStatus.ACTION_REQUIRED:
            return Outcome(PaymentStatus.REQUIRES_ACTION, attempt.secret)
        if attempt.status is not AttemptStatus.CAPTURED:
            raise await self._refusal(payment, attempt)
        return await self._completion(is_retry=is_retry)

    async def _completion(self, *, is_retry: bool) -> Outcome:
        """The money is taken; the order is told in a moment."""
        order = await self._until(
            lambda now: now.status in _ENDED,
            await self._stored_order() if is_retry else None,
            self._ordered,
            self._stored_order,
        )
        if order is not None and order.status is OrderStatus.CANCELLED:
            raise OrderCancelledError  # And the money given back, before anybody looked.
        is_complete = order is not None and order.status is OrderStatus.COMPLETE
        return Outcome(PaymentStatus.CAPTURED) if is_complete else _NOT_KNOWN_YET

    async def _until(
        self,
        is_enough: Callable[[S], bool],
        state: S | None,
        changes: Subscription,
        look_up: Callable[[], Awaitable[S | None]],
    ) -> S | None:
        """The first state, from *state* on, that *is_enough*; what is stored if time is up."""
        while state is None or not is_enough(state):
            left = self._ends - self._clock.monotonic()
            try:
                change = await changes.next(timeout=min(left, _LOOK_SECONDS))
            except TimeoutError:
                if left <= _LOOK_SECONDS:
                    return await look_up()
                with suppress(UnavailableError):  # Later, perhaps.
                    state = await look_up()
            else:
                state = cast("S", change.state)
        return state

    async def _refusal(self, payment: PaymentState, attempt: Attempt) -> RefusalError:
        if attempt.status is AttemptStatus.NOT_SENT:
            return ProviderUnavailableError()
        if attempt.status is AttemptStatus.DECLINED:
            return PaymentDeclinedError(
                decline_code=attempt.decline_code, attempts_left=payment.attempts_left
            )
        if attempt.number < len(payment.attempts):
            return PaymentInProgressError()  # Of the attempt that this one made way for.
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
