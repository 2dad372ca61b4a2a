"""Events: the concerts and matches that tickets are for. Part of the tickets service.

An event is announced once and never changes, so whoever has seen it may keep a copy: each ticket
does, for its page and for search.

Layout, in reading order: `messages`, `state`, `actor`, `queries`, as in every service.
"""

from ticketing.events.messages import (
    EVENT,
    Add,
    Describe,
    event,
    identity,
)
from ticketing.events.state import (
    Category,
    EventCard,
    EventFact,
    EventState,
    search_key,
)

__all__ = [
    "EVENT",
    "Add",
    "Category",
    "Describe",
    "EventCard",
    "EventFact",
    "EventState",
    "event",
    "identity",
    "search_key",
]
