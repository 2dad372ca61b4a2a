"""The reads behind pages; they wake no actor.

A reservation whose time is up reads as none, whether or not the ticket's timer has run yet.

A page costs the same wherever it is: each status it asks for walks its own index from the cursor
on (`tickets_newest`, `tickets_price`), and the walks are merged. Only overdue reservations, of
which there are hardly ever any, are collected first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final

import msgspec
from asyncpg import Record
from msgspec.structs import replace

from ticketing.reads import Reads
from ticketing.tickets.state import TicketState, TicketStatus
from ticketing.values import CURRENCIES, EventId, TicketId, UserId

__all__ = ["Search", "Sort", "find", "page", "reserved_by", "sort_key"]


class Sort(StrEnum):
    """In which order a page lists tickets; prices compare in minor units, ids break ties."""

    NEWEST = "newest"
    CHEAPEST = "price"
    DEAREST = "-price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which tickets, in which order, and how many. Prices are in major units, as users see them."""

    statuses: frozenset[TicketStatus]
    words: str | None = None
    seller_id: UserId | None = None
    event_id: EventId | None = None
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
    "row", seat, delivery, order_id, buyer_id, reserved_at, reserved_until, withdraw_reason
"""
_OVERDUE: Final = "status = 'reserved' and reserved_until <= now()"
_SELECT: Final = f"select {_COLUMNS}, {_OVERDUE} as is_overdue"
_FIND: Final = f"{_SELECT} from tickets where id = $1"

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
}

# `offset 0` keeps the planner from walking through all live reservations in the page's order.
_OVERDUE_FIRST: Final = f"(select * from tickets where {_OVERDUE} offset 0) as tickets"  # noqa: S608

_DECIMALS_MAX: Final = max(CURRENCIES.values())
_WITHOUT_DECIMALS: Final = [code for code, decimals in CURRENCIES.items() if decimals == 0]


async def find(reads: Reads, ticket_id: TicketId) -> TicketState | None:
    """The ticket as it is now."""
    row = await reads.row(_FIND, ticket_id)
    return None if row is None else _ticket(row)


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
    return ticket.created_at if sort is Sort.NEWEST else ticket.price_minor, ticket.id


def _ticket(row: Record) -> TicketState:
    fields = dict(row)
    is_overdue = fields.pop("is_overdue")
    ticket = msgspec.convert(fields, TicketState)
    if is_overdue:
        return replace(
            ticket,
            status=TicketStatus.AVAILABLE,
            order_id=None,
            buyer_id=None,
            reserved_at=None,
            reserved_until=None,
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
        yield (
            "tickets",
            "status = 'reserved'" + ("" if available else " and reserved_until > now()"),
        )
    elif available:
        yield _OVERDUE_FIRST, "true"
    for status in sorted(statuses - {TicketStatus.RESERVED}):
        yield "tickets", f"status = '{status.value}'"


def _conditions(search: Search) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    arguments: list[object] = []

    def require(condition: str, *values: object) -> None:
        places = [f"${len(arguments) + number}" for number in range(1, len(values) + 1)]
        conditions.append(condition.format(*places))
        arguments.extend(values)

    if search.words is not None:
        require("to_tsvector('simple', title) @@ websearch_to_tsquery('simple', {})", search.words)
    if search.seller_id is not None:
        require("seller_id = {}", search.seller_id)
    if search.event_id is not None:
        require("event_id = {}", search.event_id)
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
