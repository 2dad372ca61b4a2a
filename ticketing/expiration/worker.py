"""The sweeper: the worker that looks for deadlines nobody kept, and tells those who should act.

Acting is the actors' own: what is told here does nothing if it is not true (any more).
"""

import asyncpg
import msgspec

from actors import Effect, Worker, handle
from ticketing.expiration import queries
from ticketing.expiration.messages import SWEEPER, WATCHES, Repaired, Sweep, watch
from ticketing.orders import messages as orders
from ticketing.reads import Reads
from ticketing.tickets import messages as tickets

__all__ = ["Sweeper"]


class Sweeper(Worker):
    """Two looks at once: it shares the few connections that pages read with."""

    kind, service, concurrency, queue_size_max = SWEEPER, "expiration", 2, 0

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._reads = Reads(pool)

    @handle
    async def sweep(self, message: Sweep, effect: Effect) -> None:  # noqa: ARG002
        number = int(effect.key)
        for row in await self._reads.rows(queries.OVERDUE_TICKETS, number, WATCHES):
            lapse = tickets.Lapse(order_id=row["order_id"])
            effect.tell(tickets.ticket(row["id"]), lapse)
        for row in await self._reads.rows(queries.STARTED, number, WATCHES):
            effect.tell(tickets.ticket(row["id"]), tickets.Close(event_id=row["event_id"]))
        for row in await self._reads.rows(queries.OVERDUE_ORDERS, number, WATCHES):
            effect.tell(orders.order(row["id"]), orders.Expire())
        for row in await self._reads.rows(queries.UNORDERED, number, WATCHES):
            reservation = msgspec.convert(dict(row), tickets.Reservation)
            adopt = orders.Adopt(reservation=reservation)
            effect.tell(orders.order(reservation.order_id), adopt)
        for row in await self._reads.rows(queries.UNSETTLED, number, WATCHES):
            effect.tell(orders.order(row["id"]), orders.Settle(found=True))
        for row in await self._reads.rows(queries.LET_GO, number, WATCHES):
            cancel = orders.Cancel(buyer_id=None, reason=orders.CancelReason.USER)
            effect.tell(orders.order(row["id"]), cancel)
        if effect.sends:
            effect.tell(watch(number), Repaired(count=len(effect.sends)))
