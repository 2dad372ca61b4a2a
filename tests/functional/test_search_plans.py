"""A page costs the same wherever it is: the database reads hardly more than is shown."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest_asyncio

from tests.conftest import DsnFactory
from ticketing.tickets import TicketStatus, queries
from ticketing.tickets.queries import Search, Sort
from ticketing.values import UserId

# 20,000 tickets, of which a tenth is reserved, two tenths are sold and a tenth is withdrawn.
FILL = """
    insert into tickets (
        id, version, partition, seller_id, title, price_minor, currency, status, created_at,
        order_id, buyer_id, reserved_at, reserved_until, withdraw_reason, lapses
    )
    select 'ticket' || n, 1, 0, 'seller' || n % 100, 'Row ' || n, 1 + n::bigint * 7919 % 99999,
        'usd', status, timestamptz '2026-01-01 00:00Z' + n * interval '1 s',
        case when held then 'order' || n end, case when held then 'buyer' end,
        case when status = 'reserved' then now() end,
        case when status = 'reserved' then now() + interval '10 min' end,
        case when status = 'withdrawn' then 'seller' end, '[]'
    from generate_series(1, 20000) as n
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
}


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for inner in plan.get("Plans", []) for node in nodes(inner))]


async def rows_read(database: "asyncpg.Connection[asyncpg.Record]", search: Search) -> float:
    """How many rows the database touched for a page, by whatever way."""
    text, arguments = queries._page_query(search)
    explained = await database.fetchval(f"explain (analyze, format json) {text}", *arguments)
    (result,) = json.loads(explained)
    scans = [node for node in nodes(result["Plan"]) if "Scan" in node["Node Type"]]
    assert not [node for node in scans if node["Node Type"] == "Seq Scan"], text
    return float(sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans))


@pytest_asyncio.fixture(loop_scope="session")
async def database(postgres_dsn_factory: DsnFactory) -> Any:
    connection = await asyncpg.connect(await postgres_dsn_factory())
    await connection.execute(FILL)
    await connection.execute("vacuum analyze tickets")
    yield connection
    await connection.close()


async def test_pages_walk_indexes(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    available, everything = frozenset({TicketStatus.AVAILABLE}), frozenset(TicketStatus)
    for sort in Sort:
        for statuses in (available, everything):
            for after in (None, AFTER[sort]):
                search = Search(statuses=statuses, sort=sort, after=after, limit=PAGE)
                assert await rows_read(database, search) <= PAGE * len(statuses) + PAGE


async def test_filters_find_their_index(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    available = frozenset({TicketStatus.AVAILABLE})
    of_seller = Search(statuses=available, seller_id=UserId("seller7"), limit=PAGE)
    assert await rows_read(database, of_seller) <= 400  # The seller has 200 tickets.
    of_words = Search(statuses=available, words="row 7777", limit=PAGE)
    assert await rows_read(database, of_words) <= 10
    dear = Search(statuses=available, price_min=Decimal(990), sort=Sort.DEAREST, limit=PAGE)
    assert await rows_read(database, dear) <= 2 * PAGE
    none = Search(statuses=available, price_min=Decimal(2), price_max=Decimal(1), limit=PAGE)
    assert none.matches_nothing
