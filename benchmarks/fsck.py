"""(v): `ticketing fsck` on a market with a million tickets.

Two purchases are made by a real server, one that is reserved still and one that is paid. They are
multiplied in the database, with ids of their own, among tickets that nobody has bought yet. So all
histories are such as the actors write; and fsck, which finds nothing wrong with them, finds the one
row that is changed afterwards.
"""

import asyncio
import os
import sys
import time
from typing import Any, Final

import aiohttp
import asyncpg

from actors.placement import SLOTS
from benchmarks import market
from benchmarks.stage import Stage, process
from benchmarks.table import Row

__all__ = ["measure"]

TICKETS, TICKETS_QUICK = 1_000_000, 50_000

# Of a hundred tickets five are reserved and five are sold.
SHARE: Final = 0.05

TARGET_SECONDS: Final = 20.0

PASSWORD: Final = "correct horse battery"  # noqa: S105 - of a database that is thrown away

_IDS: Final = """
create temporary table copies as
select uuidv7()::text as ticket, uuidv7()::text as "order" from generate_series(1, $1::int)
"""

# `x` becomes a row for each of the copies: in what it says, the ids are replaced.
_COPY: Final = """
insert into {table}
select made.* from {table} x cross join copies c
cross join lateral (
    select replace(replace(to_jsonb(x)::text, $1, c.ticket), $2, c."order")::jsonb as said
) as said
cross join lateral jsonb_populate_record(null::{table}, said || {more}) as made
where {which}
"""

_PLACE: Final = """jsonb_build_object('partition', x.partition / {slots} * {slots}
    + crc32(convert_to({kind} || '/' || (said ->> '{key}'), 'UTF8')) % {slots})"""

_TABLES: Final = {
    "tickets": ("'ticket'", "id", "x.id = $1", ""),
    "orders": ("'order'", "id", "x.id = $2", ""),
    "payments": ("'payment'", "id", "x.id = $2", ""),
    "journal": ("x.kind", "key", "x.key in ($1, $2)", ""),
    "inbox": ("x.kind", "key", "x.key in ($1, $2)", " || jsonb_build_object('id', uuidv7())"),
    "ledger": ("", "", "x.order_id = $2 and $1 <> ''", ""),
}


async def measure(stage: Stage) -> list[Row]:
    """The whole of fsck, as the command is run; and that it finds what is wrong."""
    count = TICKETS_QUICK if stage.quick else TICKETS
    dsn = await stage.database("fsck")
    await _fill(stage, dsn, count)
    took = []
    for _ in range(stage.rounds):
        seconds, violations = await _fsck(dsn)
        assert not violations, violations[:5]
        took.append(seconds)
        print(f"  (v) {seconds:.1f} s")
    await _execute(
        dsn, "update tickets set title = title || '!' where id = (select min(id) from tickets)"
    )
    _, violations = await _fsck(dsn)
    assert len(violations) == 1, violations
    return [
        Row(
            title=f"(v) fsck of {count:,} tickets",
            unit="s",
            values=took,
            at_most=TARGET_SECONDS,
        )
    ]


async def _fill(stage: Stage, dsn: str, count: int) -> None:
    copies = int(count * SHARE)
    settings = {"DATABASE_URL": dsn, "TICKETING_RESERVATION_SECONDS": "86400"}
    async with process(stage.folder, "v", ["-m", "ticketing", "serve"], settings) as running:
        reserved, sold = await _trade(running.url)
    for ticket, order in (reserved, sold):
        await _multiply(dsn, ticket, order, copies - 1)
    await market.offer(dsn, count - 2 * copies, journalled=True)
    await _execute(dsn, "vacuum analyze")


async def _trade(url: str) -> list[tuple[str, str]]:
    """A ticket and its order that is live still, and another that is complete."""
    async with aiohttp.ClientSession() as http:

        async def post(path: str, who: str = "", /, **body: Any) -> Any:
            headers = {"Authorization": f"Bearer {who}"} if who else {}
            async with http.post(url + path, json=body, headers=headers) as answer:
                assert answer.ok, await answer.text()
                return await answer.json()

        tokens = []
        for name in ("seller", "buyer"):
            who = {"email": f"{name}@example.com", "password": PASSWORD}
            await post("/api/users/signup", **who)
            http.cookie_jar.clear()
            tokens.append((await post("/api/users/token", **who))["accessToken"])
        seller, buyer = tokens
        made = []
        for title in ("Row 1", "Row 2"):
            ticket = await post("/api/tickets", seller, title=title, price=20)
            order = await post("/api/orders", buyer, ticketId=ticket["id"])
            made.append((ticket["id"], order["id"]))
        await post("/api/payments", buyer, orderId=made[1][1], token="tok_visa")  # noqa: S106
        return made


async def _multiply(dsn: str, ticket: str, order: str, copies: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_IDS.replace("$1", str(copies)))
        for table, (kind, key, which, more) in _TABLES.items():
            place = _PLACE.format(slots=SLOTS, kind=kind, key=key) if kind else "'{}'"
            query = _COPY.format(table=table, which=which, more=place + more)
            await connection.execute(query, ticket, order, timeout=600)
    finally:
        await connection.close()


async def _execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql, timeout=600)
    finally:
        await connection.close()


async def _fsck(dsn: str) -> tuple[float, list[str]]:
    """How long it took, and what it found."""
    began = time.perf_counter()
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ticketing", "fsck",
        env={**os.environ, "DATABASE_URL": dsn},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    said, _ = await running.communicate()
    return time.perf_counter() - began, said.decode().splitlines()
