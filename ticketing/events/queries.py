"""The reads behind pages; they wake no actor. A page costs the same wherever it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from asyncpg import Record

from ticketing.events.state import Category, EventState, search_key
from ticketing.reads import Reads
from ticketing.values import EventId

__all__ = ["SAME_WITHIN", "Search", "find", "likely_duplicates", "page", "sort_key"]

# A matinee and an evening are further apart; a slip of the hand about the hour is not.
SAME_WITHIN: Final = timedelta(hours=12)

# More than so many of one name in one city on one day would be no help to look at.
DUPLICATES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which events, soonest first, and how many. Without *starts_from*, those still to come."""

    words: str | None = None
    category: Category | None = None
    city: str | None = None
    starts_from: datetime | None = None
    starts_until: datetime | None = None
    """The first instant that is too late."""
    after: tuple[datetime, str] | None = None
    limit: int


_SELECT: Final = """
    select id, version, user_id, post_id, name, name_key, category, venue, city, city_key,
        starts_at, time_zone, created_at
    from events
"""

_FIND: Final = _SELECT + "where id = $1"

_DUPLICATES: Final = (
    _SELECT
    + """
    where name_key = $1 and city_key = $2 and starts_at between $3 and $4
    order by starts_at, id
    limit $5
"""
)

# As the index `events_words` has it.
_WORDS: Final = "to_tsvector('simple', name || ' ' || venue || ' ' || city)"


async def find(reads: Reads, event_id: EventId) -> EventState | None:
    row = await reads.row(_FIND, event_id)
    return None if row is None else _event(row)


async def likely_duplicates(
    reads: Reads, name: str, city: str, starts_at: datetime
) -> list[EventState]:
    """The events that somebody who announces this one probably means."""
    rows = await reads.rows(
        _DUPLICATES,
        search_key(name),
        search_key(city),
        starts_at - SAME_WITHIN,
        starts_at + SAME_WITHIN,
        DUPLICATES_SHOWN,
    )
    return [_event(row) for row in rows]


async def page(reads: Reads, search: Search) -> list[EventState]:
    """The events of one page."""
    text, arguments = page_query(search)
    return [_event(row) for row in await reads.rows(text, *arguments)]


def sort_key(event: EventState) -> tuple[datetime, str]:
    """Where *event* stands in a page: what the next page's `after` is."""
    return event.starts_at, event.id


def page_query(search: Search) -> tuple[str, list[object]]:
    """The text and its arguments."""
    conditions: list[str] = []
    arguments: list[object] = []

    def require(condition: str, *values: object) -> None:
        places = [f"${len(arguments) + number}" for number in range(1, len(values) + 1)]
        conditions.append(condition.format(*places))
        arguments.extend(values)

    if search.starts_from is None:
        require("starts_at > now()")
    else:
        require("starts_at >= {}", search.starts_from)
    if search.starts_until is not None:
        require("starts_at < {}", search.starts_until)
    if search.category is not None:
        require("category = {}", search.category.value)
    if search.city is not None:
        require("city_key = {}", search_key(search.city))
    if search.words is not None:
        require(f"{_WORDS} @@ websearch_to_tsquery('simple', {{}})", search.words)
    if search.after is not None:
        require("(starts_at, id) > ({}, {})", *search.after)
    # The limit is part of the text: a plan for an unknown limit would sort whole tables.
    tail = f"order by starts_at, id limit {search.limit:d}"
    return f"{_SELECT} where {' and '.join(conditions)} {tail}", arguments


def _event(row: Record) -> EventState:
    return msgspec.convert(dict(row), EventState)
