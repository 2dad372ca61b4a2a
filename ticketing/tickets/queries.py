"""The reads behind pages; they wake no actor.

A reservation whose time is up reads as none, and an unsold ticket whose event has started as
withdrawn, whether or not the ticket's timer has run yet.

A page costs the same wherever it is: each status it asks for walks its own index from the cursor
on (`tickets_newest`, `tickets_price`, `tickets_starting`), and the walks are merged. Only overdue
reservations, of which there are hardly ever any, are collected first. What is available in a
category, in a city or for an event has indexes of its own in each of these orders; other statuses
there are picked out of the walk through all, since few look for them and every sale would pay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final

import msgspec
from asyncpg import Record
from msgspec.structs import replace

from ticketing.events.messages import Category, search_key
from ticketing.reads import Reads
from ticketing.tickets.state import TicketState, TicketStatus, WithdrawReason
from ticketing.values import CURRENCIES, EventId, TicketId, UserId

__all__ = [
    "Search",
    "Sort",
    "find",
    "find_all",
    "newest_of_events",
    "newest_of_sellers",
    "page",
    "reserved_by",
    "sort_key",
]


class Sort(StrEnum):
    """In which order a page lists tickets; prices compare in minor units, ids break ties."""

    NEWEST = "newest"
    CHEAPEST = "price"
    DEAREST = "-price"
    STARTING = "startsAt"
    """By when their events start, soonest first; tickets without an event are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which tickets, in which order, and how many. Prices are in major units, as users see them."""

    statuses: frozenset[TicketStatus]
    words: str | None = None
    seller_id: UserId | None = None
    event_id: EventId | None = None
    category: Category | None = None
    city: str | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    sort: Sort = Sort.NEWEST
    after: tuple[datetime | int, str] | None = None
    limit: int

    @property
    def matches_nothing(self) -> bool:
        """The prices exclude each other; the database would read every ticket to find that out."""
        lowest, highest = self.price_min, self.price_max
        return lowest is not None and highest is not None and lowest > highest


_COLUMNS: Final = """
    id, version, seller_id, title, price_minor, currency, status, created_at, event_id, section,
    "row", seat, delivery, order_id, buyer_id, reserved_at, reserved_until, withdraw_reason,
    event_name, event_category, event_venue, event_city, event_city_key, event_starts_at,
    event_time_zone
"""
_OVERDUE: Final = "status = 'reserved' and reserved_until <= now()"
_IS_AHEAD: Final = "(event_starts_at is null or event_starts_at > now())"
_SELECT: Final = f"select {_COLUMNS}, {_OVERDUE} as is_overdue, not {_IS_AHEAD} as has_started"
_FIND: Final = f"{_SELECT} from tickets where id = $1"

_FIND_ALL: Final = f"{_SELECT} from tickets where id = any($1::text[])"

# Each walks its own part of the index (`tickets_event`, `tickets_seller`), however many there are.
_NEWEST_OF: Final = """
    select found.*
    from unnest($1::text[]) as wanted (id)
    cross join lateral (
        {select} from tickets where {column} = wanted.id
        order by created_at desc, id desc limit {limit:d}
    ) as found
"""

_RESERVED_BY: Final = """
    select buyer_id, id, reserved_until
    from tickets
    where buyer_id = any($1::text[]) and reserved_until > now()
"""

# The order of each sort, and how the next page continues.
_ORDER: Final = {
    Sort.NEWEST: ("created_at desc, id desc", "(created_at, id) <"),
    Sort.CHEAPEST: ("price_minor, id", "(price_minor, id) >"),
    Sort.DEAREST: ("price_minor desc, id desc", "(price_minor, id) <"),
    Sort.STARTING: ("event_starts_at, id", "(event_starts_at, id) >"),
}

# As the index `tickets_words` has it.
_TEXT: Final = """to_tsvector('simple',
    title || ' ' || coalesce(event_name, '') || ' ' || coalesce(event_venue, '') || ' '
        || coalesce(event_city, ''))"""

# `offset 0` keeps the planner from walking through all live reservations in the page's order.
_OVERDUE_FIRST: Final = f"(select * from tickets where {_OVERDUE} offset 0) as tickets"  # noqa: S608

_DECIMALS_MAX: Final = max(CURRENCIES.values())
_WITHOUT_DECIMALS: Final = [code for code, decimals in CURRENCIES.items() if decimals == 0]


async def find(reads: Reads, ticket_id: TicketId) -> TicketState | None:
    """The ticket as it is now."""
    row = await reads.row(_FIND, ticket_id)
    return None if row is None else _ticket(row)


async def find_all(reads: Reads, ticket_ids: list[TicketId]) -> list[TicketState]:
    """Those of the tickets that there are."""
    return [_ticket(row) for row in await reads.rows(_FIND_ALL, ticket_ids)]


async def newest_of_events(
    reads: Reads, event_ids: list[EventId], *, each: int
) -> list[TicketState]:
    """The newest tickets of all these events, whatever their status, *each* at most."""
    return await _newest_of(reads, "event_id", event_ids, each)


async def newest_of_sellers(
    reads: Reads, seller_ids: list[UserId], *, each: int
) -> list[TicketState]:
    """The newest tickets of all these sellers, whatever their status, *each* at most."""
    return await _newest_of(reads, "seller_id", seller_ids, each)


async def _newest_of(
    reads: Reads, column: str, wanted: Sequence[str], each: int
) -> list[TicketState]:
    text = _NEWEST_OF.format(select=_SELECT, column=column, limit=each)
    return [_ticket(row) for row in await reads.rows(text, wanted)]


async def page(reads: Reads, search: Search) -> list[TicketState]:
    """The tickets of one page."""
    if search.matches_nothing:
        return []
    text, arguments = _page_query(search)
    return [_ticket(row) for row in await reads.rows(text, *arguments)]


async def reserved_by(
    reads: Reads, buyer_ids: list[UserId]
) -> dict[UserId, dict[TicketId, datetime]]:
    """The tickets that each of *buyer_ids* holds at the moment, and until when."""
    held: dict[UserId, dict[TicketId, datetime]] = {}
    for row in await reads.rows(_RESERVED_BY, buyer_ids):
        held.setdefault(row["buyer_id"], {})[row["id"]] = row["reserved_until"]
    return held


def sort_key(ticket: TicketState, sort: Sort) -> tuple[datetime | int, str]:
    """Where *ticket* stands in a page: what the next page's `after` is."""
    match sort:
        case Sort.NEWEST:
            return ticket.created_at, ticket.id
        case Sort.STARTING:
            assert ticket.event_starts_at is not None, "it would not be in the page"
            return ticket.event_starts_at, ticket.id
        case Sort.CHEAPEST | Sort.DEAREST:
            return ticket.price_minor, ticket.id


def _ticket(row: Record) -> TicketState:
    fields = dict(row)
    is_overdue, has_started = fields.pop("is_overdue"), fields.pop("has_started")
    ticket = msgspec.convert(fields, TicketState)
    if is_overdue:
        ticket = replace(
            ticket,
            status=TicketStatus.AVAILABLE,
            order_id=None,
            buyer_id=None,
            reserved_at=None,
            reserved_until=None,
        )
    if has_started and ticket.status is TicketStatus.AVAILABLE:
        ticket = replace(
            ticket, status=TicketStatus.WITHDRAWN, withdraw_reason=WithdrawReason.EVENT_STARTED
        )
    return ticket


def _page_query(search: Search) -> tuple[str, list[object]]:
    conditions, arguments = _conditions(search)
    order, _ = _ORDER[search.sort]
    # The limit is part of the text: a plan for an unknown limit would sort whole tables.
    tail = f"order by {order} limit {search.limit:d}"
    walks = [
        f"({_SELECT} from {source} where {' and '.join([chosen, *conditions])} {tail})"
        for source, chosen in _sources(search.statuses)
    ]
    return f"select * from ({' union all '.join(walks)}) as found {tail}", arguments  # noqa: S608


def _sources(statuses: frozenset[TicketStatus]) -> Iterable[tuple[str, str]]:
    """What to walk for *statuses*: stored ones, except that overdue reservations are available."""
    available, reserved = TicketStatus.AVAILABLE in statuses, TicketStatus.RESERVED in statuses
    if reserved:
        # `coalesce` keeps the planner from sorting all that other indexes find of the reserved.
        also = f" or {_IS_AHEAD}" if available else ""
        yield "tickets", f"status = 'reserved' and (coalesce(reserved_until > now(), false){also})"
    elif available:
        yield _OVERDUE_FIRST, _IS_AHEAD
    if available:
        yield "tickets", f"status = 'available' and {_IS_AHEAD}"
    for status in sorted(statuses - {TicketStatus.RESERVED, TicketStatus.AVAILABLE}):
        yield "tickets", f"status = '{status.value}'"


def _conditions(search: Search) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    arguments: list[object] = []

    def require(condition: str, *values: object) -> None:
        places = [f"${len(arguments) + number}" for number in range(1, len(values) + 1)]
        conditions.append(condition.format(*places))
        arguments.extend(values)

    for condition, value in (
        (f"{_TEXT} @@ websearch_to_tsquery('simple', {{}})", search.words),
        ("seller_id = {}", search.seller_id),
        ("event_id = {}", search.event_id),
        ("event_category = {}", search.category),
        ("event_city_key = {}", None if search.city is None else search_key(search.city)),
    ):
        if value is not None:
            require(condition, value)
    if search.sort is Sort.STARTING:
        require("event_starts_at is not null")
        if search.event_id is not None:
            # They all start at one instant: the walk goes straight to it.
            starts_at = "(select starts_at from events where id = {})"
            require(f"event_starts_at = {starts_at}", search.event_id)
    if search.price_min is not None:
        whole, cents = _bounds(search.price_min, ROUND_CEILING)
        # The first comparison is for the index, the second is exact for each currency.
        require("price_minor >= {}", whole)
        require(_EXACT.format(">=", "{}", "{}", "{}"), _WITHOUT_DECIMALS, whole, cents)
    if search.price_max is not None:
        whole, cents = _bounds(search.price_max, ROUND_FLOOR)
        require("price_minor <= {}", cents)
        require(_EXACT.format("<=", "{}", "{}", "{}"), _WITHOUT_DECIMALS, whole, cents)
    if search.after is not None:
        require(_ORDER[search.sort][1] + " ({}, {})", *search.after)
    return conditions, arguments


_EXACT: Final = (
    "price_minor {} case when currency = any({}::text[]) then {}::bigint else {}::bigint end"
)


def _bounds(price: Decimal, rounding: str) -> tuple[int, int]:
    """*price* in the minor units of currencies without decimals, and of those with the most."""
    return (
        int(price.to_integral_value(rounding)),
        int(price.scaleb(_DECIMALS_MAX).to_integral_value(rounding)),
    )
