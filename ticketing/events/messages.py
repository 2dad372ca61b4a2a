"""What may be said to an event, and what it answers."""

from datetime import UTC, datetime
from typing import Final

from actors import Message, Ref, derived_id
from ticketing.events.state import Category, EventCard, EventState, search_key
from ticketing.values import EventId, UserId

__all__ = [
    "EVENT",
    "Add",
    "Category",
    "Describe",
    "EventCard",
    "event",
    "identity",
    "search_key",
]

EVENT: Final = "event"


def event(event_id: EventId) -> Ref:
    return Ref(EVENT, event_id)


def identity(name: str, city: str, starts_at: datetime) -> EventId:
    """The id of the event of this name, there and then.

    Whoever announces the same event talks to the same actor, so that of two announcements at one
    instant one is refused; no lock and no index could say it better. Who insists that theirs is
    another event gives it an id of its own.
    """
    key = (search_key(name), search_key(city), starts_at.astimezone(UTC).isoformat())
    return EventId(derived_id(EVENT, *key))


class Add(Message[EventState], frozen=True, kw_only=True, tag="events.add"):
    """Announce the event. *post_id* names the request: the same one again gets the same answer.

    Raises:
        EventExistsError: somebody else, or another request, has announced it before.
        InvalidStartError: it is past, or too far away.

    """

    user_id: UserId
    post_id: str
    name: str
    category: Category
    venue: str
    city: str
    starts_at: datetime
    time_zone: str


class Describe(Message[EventCard], frozen=True, kw_only=True, tag="events.describe"):
    """What there is to know of the event. It never changes."""
