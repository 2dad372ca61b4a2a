"""The event actor: announced once, and the same ever after."""

from datetime import timedelta
from typing import Final

from actors import Actor, Turn, handle
from ticketing.errors import EventExistsError, InvalidStartError
from ticketing.events.messages import EVENT, Add, Describe
from ticketing.events.state import EventAdded, EventCard, EventState, search_key

__all__ = ["Event"]

# Nobody sells tickets for later; a date that far away is a slip of the hand. A day for leap years
# and clocks more.
STARTS_WITHIN: Final = timedelta(days=5 * 365 + 2)


class Event(Actor[EventState]):
    """One event."""

    kind, service, table, asks = EVENT, "tickets", "events", ()

    @handle(creates=True)
    async def add(self, message: Add, turn: Turn[EventState]) -> EventState:
        if turn.exists:
            if turn.state.post_id != message.post_id:
                raise EventExistsError
            return turn.state
        refuse_unless_ahead(message, turn)
        turn.record(
            EventAdded(
                at=turn.now,
                user_id=message.user_id,
                post_id=message.post_id,
                name=message.name,
                name_key=search_key(message.name),
                category=message.category,
                venue=message.venue,
                city=message.city,
                city_key=search_key(message.city),
                starts_at=message.starts_at,
                time_zone=message.time_zone,
            )
        )
        return turn.state

    @handle
    async def describe(self, message: Describe, turn: Turn[EventState]) -> EventCard:  # noqa: ARG002
        return turn.state.card


def refuse_unless_ahead(message: Add, turn: Turn[EventState]) -> None:
    """Only what is still to come, and not too far away, is announced."""
    if message.starts_at <= turn.now:
        raise InvalidStartError
    if message.starts_at > turn.now + STARTS_WITHIN:
        raise InvalidStartError("startsAt must be within five years")
