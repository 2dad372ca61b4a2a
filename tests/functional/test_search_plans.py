"""A page costs the same wherever it is: the database reads hardly more than is shown."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import DsnFactory
from ticketing.events import Category
from ticketing.events import queries as events
from ticketing.tickets import TicketStatus, queries
from ticketing.tickets.queries import Search, Sort
from ticketing.values import EventId, UserId

# 300 events in 30 cities; of seven categories comedy is rare. They start a day apart.
FILL_EVENTS = """
    insert into events (
        id, version, partition, user_id, post_id, name, name_key, category, venue, city, city_key,
        starts_at, time_zone, created_at
    )
    select 'event' || n, 1, 0, 'seller', 'post' || n, 'Night ' || n, 'night ' || n,
        case when n % 100 = 7 then 'comedy'
            else (array['concert', 'sports', 'theatre', 'festival', 'family', 'other'])[1 + n % 6]
        end, 'Hall', 'City ' || n % 30, 'city ' || n % 30, now() + n * interval '1 day', 'UTC',
        now()
    from generate_series(1, 300) as n
"""

# 20,000 tickets, of which a tenth is reserved, two tenths are sold and a tenth is withdrawn; three
# of four are for an event.
FILL = """
    insert into tickets (
        id, version, partition, seller_id, title, price_minor, currency, status, created_at,
        order_id, buyer_id, reserved_at, reserved_until, withdraw_reason, lapses, event_id,
        event_name, event_category, event_venue, event_city, event_city_key, event_starts_at,
        event_time_zone
    )
    select 'ticket' || n, 1, 0, 'seller' || n % 100, 'Row ' || n, 1 + n::bigint * 7919 % 99999,
        'usd', status, timestamptz '2026-01-01 00:00Z' + n * interval '1 s',
        case when held then 'order' || n end, case when held then 'buyer' end,
        case when status = 'reserved' then now() end,
        case when status = 'reserved' then now() + interval '10 min' end,
        case when status = 'withdrawn' then 'seller' end, '[]', e.id, e.name, e.category, e.venue,
        e.city, e.city_key, e.starts_at, e.time_zone
    from generate_series(1, 20000) as n
    left join events e on n % 4 <> 0 and e.id = 'event' || 1 + n / 10 * 7919 % 300
    cross join lateral (
        select case n % 10 when 1 then 'reserved' when 2 then 'sold' when 3 then 'sold'
            when 4 then 'withdrawn' else 'available' end
    ) as a (status)
    cross join lateral (select status in ('reserved', 'sold')) as b (held)
"""
PAGE = 51
# Deep in the list, whichever way it is sorted.
AFTER: dict[Sort, tuple[datetime | int, str]] = {
    Sort.NEWEST: (datetime(2026, 1, 1, 0, 30, tzinfo=UTC), "x"),
    Sort.CHEAPEST: (90_000, "x"),
    Sort.DEAREST: (9_000, "x"),
    Sort.STARTING: (datetime.now(UTC) + timedelta(days=270), "x"),  # noqa: TID251 - as SQL does
}
AVAILABLE = frozenset({TicketStatus.AVAILABLE})


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for inner in plan.get("Plans", []) for node in nodes(inner))]


async def rows_read(
    database: "asyncpg.Connection[asyncpg.Record]", search: Search | events.Search
) -> float:
    """How many rows the database touched for a page, by whatever way."""
    if isinstance(search, Search):
        text, arguments = queries._page_query(search)
    else:
        text, arguments = events.page_query(search)
    explained = await database.fetchval(f"explain (analyze, format json) {text}", *arguments)
    (result,) = json.loads(explained)
    scans = [node for node in nodes(result["Plan"]) if "Scan" in node["Node Type"]]
    assert not [node for node in scans if node["Node Type"] == "Seq Scan"], text
    return float(sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans))


@pytest_asyncio.fixture(loop_scope="session")
async def database(postgres_dsn_factory: DsnFactory) -> Any:
    connection = await asyncpg.connect(await postgres_dsn_factory())
    await connection.execute(FILL_EVENTS)
    await connection.execute(FILL)
    await connection.execute("vacuum analyze tickets, events")
    yield connection
    await connection.close()


async def test_pages_walk_indexes(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    everything = frozenset(TicketStatus)
    for sort in Sort:
        for statuses in (AVAILABLE, frozenset({TicketStatus.RESERVED}), everything):
            for after in (None, AFTER[sort]):
                search = Search(statuses=statuses, sort=sort, after=after, limit=PAGE)
                assert await rows_read(database, search) <= PAGE * len(statuses) + PAGE


async def test_filters_find_their_index(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    of_seller = Search(statuses=AVAILABLE, seller_id=UserId("seller7"), limit=PAGE)
    assert await rows_read(database, of_seller) <= 400  # The seller has 200 tickets.
    of_words = Search(statuses=AVAILABLE, words="row 7777", limit=PAGE)
    assert await rows_read(database, of_words) <= 10
    dear = Search(statuses=AVAILABLE, price_min=Decimal(990), sort=Sort.DEAREST, limit=PAGE)
    assert await rows_read(database, dear) <= 2 * PAGE
    none = Search(statuses=AVAILABLE, price_min=Decimal(2), price_max=Decimal(1), limit=PAGE)
    assert none.matches_nothing


@pytest.mark.parametrize("sort", Sort)
async def test_what_is_available_somewhere_is_walked_too(
    database: "asyncpg.Connection[asyncpg.Record]", sort: Sort
) -> None:
    wanted: list[dict[str, Any]] = [
        {"category": Category.CONCERT},
        {"category": Category.COMEDY},
        {"city": "City 7"},
        {"city": "Nowhere"},
        {"event_id": EventId("event7")},
    ]
    there = "select count(*) from tickets where status = 'available' and event_city = 'City 7'"
    assert await database.fetchval(there) > PAGE
    for where in wanted:
        for after in (None, AFTER[sort]):
            # The tickets of one event are hardly more than a page: all of them may be sorted.
            search = Search(statuses=AVAILABLE, sort=sort, after=after, limit=PAGE, **where)
            assert await rows_read(database, search) <= 3 * PAGE, where


async def test_pages_of_events_walk_indexes(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    wanted: list[dict[str, Any]] = [
        {},
        {"category": Category.COMEDY},
        {"city": "City 7"},
        {"words": "night 17"},
    ]
    for where in wanted:
        for after in (None, AFTER[Sort.STARTING]):
            search = events.Search(after=after, limit=PAGE, **where)  # type: ignore[arg-type] # an instant
            assert await rows_read(database, search) <= 2 * PAGE, where
