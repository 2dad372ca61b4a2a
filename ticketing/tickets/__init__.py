"""Tickets: what is offered, and who holds it.

Layout, in reading order:

- `messages`  what may be said to a ticket
- `state`     what a ticket is, as its facts made it
- `actor`     who decides (known only to `ticketing.bootstrap`)
- `queries`   the reads behind pages; they wake no actor
"""

from ticketing.tickets.messages import (
    TICKET,
    Close,
    Edit,
    Lapse,
    List,
    Release,
    ReleaseOutcome,
    Reservation,
    Reserve,
    Sell,
    Unsell,
    Withdraw,
    ticket,
)
from ticketing.tickets.state import (
    ReleaseReason,
    TicketFact,
    TicketState,
    TicketStatus,
    WithdrawReason,
)

__all__ = [
    "TICKET",
    "Close",
    "Edit",
    "Lapse",
    "List",
    "Release",
    "ReleaseOutcome",
    "ReleaseReason",
    "Reservation",
    "Reserve",
    "Sell",
    "TicketFact",
    "TicketState",
    "TicketStatus",
    "Unsell",
    "Withdraw",
    "WithdrawReason",
    "ticket",
]
