"""Which topics a change belongs to: what the bus is told under, and what live updates watch.

- `ticket:ID`   the ticket
- `event:ID`    the tickets of an event: of the one it was of, too, when a ticket moves
- `user:ID`     what is a user's: tickets they sell or hold and orders, before or after the change
- `tickets`     every ticket
- `endings`     accounts all of whose sessions have just ended
"""

from typing import Final

from msgspec.structs import replace

from actors import Change, State
from ticketing.auth import AccountState
from ticketing.orders import OrderState
from ticketing.tickets import TicketState

__all__ = ["ENDINGS", "TICKETS", "event", "shown", "ticket", "topics_of", "user"]

TICKETS: Final = "tickets"
ENDINGS: Final = "endings"


def ticket(ticket_id: str) -> str:
    return f"ticket:{ticket_id}"


def event(event_id: str) -> str:
    return f"event:{event_id}"


def user(user_id: str) -> str:
    return f"user:{user_id}"


def topics_of(change: Change) -> tuple[str, ...]:
    """The topics of *change*, each once."""
    state, before = change.state, change.before
    if isinstance(state, TicketState):
        was = before if isinstance(before, TicketState) else None
        return _of_ticket(state, was)
    if isinstance(state, OrderState):
        return (user(state.buyer_id),)
    if isinstance(state, AccountState):
        was_epoch = before.session_epoch if isinstance(before, AccountState) else 0
        return (ENDINGS,) if state.session_epoch > was_epoch else ()
    return ()


def shown(state: State) -> State:
    """What of *state* other processes are told: nobody needs what opens an account to watch it.

    What else is secret in a state is sealed.
    """
    if isinstance(state, AccountState):
        return replace(state, password_hash="", reset_hash=None)
    return state


def _of_ticket(now: TicketState, was: TicketState | None) -> tuple[str, ...]:
    topics = [TICKETS, f"ticket:{now.id}", f"user:{now.seller_id}"]
    if now.event_id is not None:
        topics.append(f"event:{now.event_id}")
    if now.buyer_id is not None:
        topics.append(f"user:{now.buyer_id}")
    if was is not None:
        if was.event_id is not None and was.event_id != now.event_id:
            topics.append(f"event:{was.event_id}")
        if was.buyer_id is not None and was.buyer_id != now.buyer_id:
            topics.append(f"user:{was.buyer_id}")
    return tuple(topics)
