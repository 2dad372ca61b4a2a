"""(g): a page of tickets costs the same at the end of a million as at the start.

Each request is made with and without a cursor in turn, on one connection that is kept alive; the
ratio of the two medians of a round is what counts.
"""

import statistics
import time

import aiohttp
import asyncpg

from benchmarks.stage import Stage, process
from benchmarks.table import Row
from ticketing.tickets.queries import Sort
from web.pages import cursor

__all__ = ["measure"]

PAGE = 50
REQUESTS, REQUESTS_QUICK = 400, 100
WARM_UP = 20
TARGET = 1.2

# The last page begins after this one.
_BEFORE_LAST = """
select created_at, id from tickets where status = 'available' order by created_at, id
offset $1 limit 1
"""


async def measure(stage: Stage) -> list[Row]:
    """Times of the first and the last page, and their ratio, round by round."""
    dsn, count = await stage.market()
    first, last = [], []
    async with process(
        stage.folder, "g-ours", ["-m", "ticketing", "serve"], {"DATABASE_URL": dsn}
    ) as running:
        url = f"{running.url}/api/tickets?status=available&limit={PAGE}"
        end = f"{url}&after={await _near_the_end(dsn)}"
        for _ in range(stage.rounds):
            times = await _round(url, end, REQUESTS_QUICK if stage.quick else REQUESTS)
            first.append(times[0])
            last.append(times[1])
            print(f"  (g) first page {first[-1]:.2f} ms, last page {last[-1]:.2f} ms")
    ratios = [there / here for here, there in zip(first, last, strict=True)]
    title = f"(g) page of {PAGE}, of {count:,} tickets"
    return [
        Row(title=f"{title}: last / first", unit="x", values=ratios, at_most=TARGET),
        Row(title=f"{title}: the first", unit="ms", values=first),
        Row(title=f"{title}: the last", unit="ms", values=last),
    ]


async def _near_the_end(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(_BEFORE_LAST, PAGE)
    finally:
        await connection.close()
    assert row is not None
    return cursor(Sort.NEWEST, (row["created_at"], row["id"]))


async def _round(start: str, end: str, requests: int) -> tuple[float, float]:
    """The median times of the two pages, in milliseconds."""
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        times: dict[str, list[float]] = {start: [], end: []}
        for number in range(WARM_UP + requests):
            for url in (start, end) if number % 2 == 0 else (end, start):
                took = await _get(session, url)
                if number >= WARM_UP:
                    times[url].append(took)
    return statistics.median(times[start]), statistics.median(times[end])


async def _get(session: aiohttp.ClientSession, url: str) -> float:
    began = time.perf_counter()
    async with session.get(url) as response:
        tickets = await response.json()
    took = (time.perf_counter() - began) * 1000
    if len(tickets) != PAGE:
        raise RuntimeError(f"expected a page of {PAGE}, got {len(tickets)}")
    return took
