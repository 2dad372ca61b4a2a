"""How many tickets one user may hold at a time. A soft limit, against hoarding by program.

Counted are the reservations in the database and the requests of this process that have not been
answered yet. Those in flight count in the order they came, so that of two requests for the last
place one passes. Other processes' requests in flight are not seen: the limit can be passed by as
many as run at the same instant elsewhere.
"""

import asyncio
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from actors import Runtime
from ticketing import tickets
from ticketing.errors import TicketUnavailableError, TooManyReservationsError
from ticketing.reads import Reads
from ticketing.tickets import queries
from ticketing.values import TicketId, UserId
from web import limits
from web.limits import Limiter

__all__ = [
    "InFlight",
    "Purchase",
    "Standing",
    "refuse_hoarding",
    "refuse_if_taken",
    "standings",
]


@dataclass(frozen=True, slots=True, eq=False)
class Purchase:
    """One request to buy. Two of the same user are two tries: they differ by identity."""

    user_id: UserId


class Standing(NamedTuple):
    """What decides whether a buyer may try to buy."""

    reserved: Mapping[TicketId, datetime]
    """The tickets that they hold at the moment, and until when."""
    wait_seconds: float
    """How long until they may try again; 0: now."""


async def standings(
    reads: Reads, limiter: Limiter, purchases: list[Purchase]
) -> dict[Purchase, Standing]:
    """The standing of the buyer of each of *purchases*, which counts as a try of theirs.

    Looked up side by side, and for all who ask at one moment together: an order pays for one round
    trip at most.
    """
    buyers = list({purchase.user_id for purchase in purchases})
    reserved, waits = await asyncio.gather(
        queries.reserved_by(reads, buyers),
        limiter.waits(limits.RESERVING, [(purchase.user_id,) for purchase in purchases]),
    )
    return {
        purchase: Standing(reserved.get(purchase.user_id, {}), wait)
        for purchase, wait in zip(purchases, waits, strict=True)
    }


def refuse_if_taken(runtime: Runtime, wanted: TicketId, buyer_id: UserId) -> None:
    """Tell a crowd what everybody sees: the ticket is reserved by somebody else.

    Of a thousand who want one ticket all but one are told so. It is known without a turn of the
    ticket and without a look at what they hold already, so they neither wait nor keep others
    waiting. Whatever else there is to be said, and what may just be running out, the ticket says.

    Raises:
        TicketUnavailableError: so it is.

    """
    ticket = runtime.peek(tickets.ticket(wanted))
    if not isinstance(ticket, tickets.TicketState) or ticket.reserved_until is None:
        return
    is_theirs = buyer_id in {ticket.buyer_id, ticket.seller_id}
    if not is_theirs and ticket.reserved_until > runtime.clock.now():
        raise TicketUnavailableError(available_at=ticket.reserved_until)


class InFlight:
    """The purchases that are being placed through this process right now."""

    def __init__(self) -> None:
        self._requests: dict[UserId, list[TicketId]] = {}

    @contextmanager
    def placing(self, user_id: UserId, ticket_id: TicketId) -> Iterator[frozenset[TicketId]]:
        """Counts as in flight while the context lasts; gives the tickets that came before."""
        requests = self._requests.setdefault(user_id, [])
        before = frozenset(requests)
        requests.append(ticket_id)
        try:
            yield before
        finally:
            requests.remove(ticket_id)
            if not requests:
                self._requests.pop(user_id, None)


def refuse_hoarding(
    reserved: Mapping[TicketId, datetime],
    in_flight: frozenset[TicketId],
    wanted: TicketId,
    *,
    at_most: int,
    now: datetime,
) -> None:
    """Refuse *wanted* if the user holds *at_most* other tickets already.

    Raises:
        TooManyReservationsError: so many; when the first of them ends is in its details.

    """
    others = (reserved.keys() | in_flight) - {wanted}
    if len(others) < at_most:
        return
    ends = min((until for ticket, until in reserved.items() if ticket != wanted), default=now)
    raise TooManyReservationsError(retry_after=max(1, math.ceil((ends - now).total_seconds())))
