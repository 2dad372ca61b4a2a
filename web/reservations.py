"""How many tickets one user may hold at a time. A soft limit, against hoarding by program.

Counted are the reservations in the database and the requests of this process that have not been
answered yet. Those in flight count in the order they came, so that of two requests for the last
place one passes. Other processes' requests in flight are not seen: the limit can be passed by as
many as run at the same instant elsewhere.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from ticketing.errors import TooManyReservationsError
from ticketing.values import TicketId, UserId

__all__ = ["InFlight", "refuse_hoarding"]


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
