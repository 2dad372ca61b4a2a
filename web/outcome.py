"""Waiting for what comes of a payment: on committed changes, never on a promise.

The watch begins before the attempt does, so that no change is missed. Only a replayed attempt, or
one whose changes got lost on the way, has to be looked up.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from asyncpg import Pool, Record

from actors import Bus, Clock, RefusalError, State, Subscription
from ticketing import orders, payments
from ticketing.errors import OrderCancelledError, OrderExpiredError
from ticketing.orders import CancelReason, OrderState, OrderStatus
from ticketing.orders import queries as order_queries
from ticketing.payments import AttemptStatus, PaymentState
from ticketing.payments import queries as payment_queries
from ticketing.values import OrderId, UserId
from web.refusals import PaymentDeclinedError, ProviderUnavailableError

__all__ = ["Watch", "watching"]

S = TypeVar("S", bound=State)

# As long as a client waits for an ask; a bank that takes longer is asked about with a GET.
_WAIT_SECONDS: Final = 10.0

_UNDER_WAY: Final = frozenset(
    {
        AttemptStatus.STARTED,
        AttemptStatus.AUTHORISED,
        AttemptStatus.SETTLED,
        AttemptStatus.VOIDING,
    }
)


class Watch:
    """One payment and its order, watched from before the attempt."""

    def __init__(
        self,
        paid: Subscription,
        ordered: Subscription,
        *,
        database: "Pool[Record]",
        clock: Clock,
        order_id: OrderId,
        buyer_id: UserId,
    ) -> None:
        self._paid = paid
        self._ordered = ordered
        self._database = database
        self._clock = clock
        self._ends = clock.monotonic() + _WAIT_SECONDS
        self._order_id = order_id
        self._buyer_id = buyer_id

    async def is_captured(self, payment: PaymentState, number: int) -> bool:
        """True: the money is taken and the order complete. False: it is not known yet.

        Raises:
            PaymentDeclinedError, ProviderUnavailableError: the attempt *number* ended so.
            OrderExpiredError, OrderCancelledError: the ticket was gone; nobody was charged.

        """
        payment = await self._until(
            self._paid, payment, self._stored_payment, lambda now: not _is_under_way(now, number)
        )
        if _is_under_way(payment, number):
            return False
        status = payment.attempts[number - 1].status
        if status is AttemptStatus.CAPTURED:
            return await self._is_complete()
        raise await self._refusal(payment, number)

    async def _is_complete(self) -> bool:
        order = await self._until(self._ordered, None, self._stored_order, _has_ended)
        return order is not None and order.status is OrderStatus.COMPLETE

    async def _refusal(self, payment: PaymentState, number: int) -> RefusalError:
        attempt = payment.attempts[number - 1]
        if attempt.status is AttemptStatus.NOT_SENT:
            return ProviderUnavailableError()
        if attempt.status is AttemptStatus.DECLINED:
            return PaymentDeclinedError(
                decline_code=attempt.decline_code, attempts_left=payment.attempts_left
            )
        order = await self._stored_order()
        is_expired = order is not None and order.cancel_reason is CancelReason.EXPIRED
        return OrderExpiredError() if is_expired else OrderCancelledError()
