"""The stage: one durable PostgreSQL, ours and the peer on a database each, tickets and buyers."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from actors import Ids, SystemClock
from migrations import migrate
from ticketing import bootstrap, tickets
from ticketing.auth.tokens import Tokens
from ticketing.embedded import EmbeddedPostgres
from ticketing.embedded import home as homes
from ticketing.values import TicketId, UserId

__all__ = ["Side", "buyers", "offer", "stage"]

KEY = "benchmark-key-benchmark-key-benchmark-key"
SELLER = UserId("seller")

# Below the limit of live reservations, so that every purchase passes it as any other would.
TICKETS_A_BUYER = 3

ENVIRONMENT = {
    **os.environ,
    "JWT_KEY": KEY,
    "TICKETING_RATE_LIMITS": "off",
    "TICKETING_LOG": "json",
    "TICKETING_PORT": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Ours or the peer, running."""

    name: str
    url: str
    dsn: str


@contextmanager
def folder() -> Iterator[Path]:
    """A folder on the disk that durable data goes to, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="ticketing-bench-") as name:
        path = Path(name).resolve()
        path.chmod(0o711)
        yield path


@asynccontextmanager
async def stage(where: Path) -> AsyncIterator[tuple[Side, Side]]:
    """Ours and the peer, as long as the context lasts."""
    server = await EmbeddedPostgres.open(where / "var", log=lambda _: None)
    try:
        ours = await database(server, "ours")
        peers = await database(server, "peer")
        async with (
            process(where, "ours", ["-m", "ticketing", "serve"], {"DATABASE_URL": ours}) as our,
            process(where, "peer", ["-m", "benchmarks.peer", peers, "0"], {}) as peer,
        ):
            yield Side(name="ours", url=our, dsn=ours), Side(name="peer", url=peer, dsn=peers)
    finally:
        await server.close()
        homes.remove(server.home)


async def database(server: EmbeddedPostgres, name: str) -> str:
    connection = await asyncpg.connect(server.dsn)
    await connection.execute(f"create database {name}")
    await connection.close()
    dsn = server.home.dsn(name)
    connection = await asyncpg.connect(dsn)
    await migrate(connection)
    await connection.close()
    return dsn


@asynccontextmanager
async def process(
    where: Path, name: str, arguments: list[str], settings: dict[str, str]
) -> AsyncIterator[str]:
    """A server process; its log goes to a file, as in production it goes to a pipe."""
    environment = {**ENVIRONMENT, "TICKETING_DATA_DIR": str(where / name), **settings}
    with (where / f"{name}.log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    assert running.stdout is not None
    try:
        line = (await running.stdout.readline()).decode().strip()
        if not line.startswith("ready "):
            raise RuntimeError((where / f"{name}.log").read_text()[-2000:])
        yield line.removeprefix("ready ")
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()


async def offer(side: Side, count: int) -> list[str]:
    """Put *count* tickets up for sale; their ids."""
    ids, placement = Ids(SystemClock()), bootstrap.placement()
    now = datetime.now(UTC)  # noqa: TID251 - a benchmark is not part of the product
    made = [ids.new() for _ in range(count)]
    records = [
        (each, 1, placement.partition(tickets.ticket(TicketId(each))), SELLER, "Stand B", 2000,
         "usd", "available", now, b"[]")
        for each in made
    ]  # fmt: skip
    connection = await asyncpg.connect(side.dsn)
    try:
        await connection.executemany(
            """insert into tickets (id, version, partition, seller_id, title, price_minor,
            currency, status, created_at, lapses)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, convert_from($10, 'utf8')::jsonb)""",
            records,
        )
        await connection.execute("vacuum analyze tickets")
        await connection.execute("vacuum analyze orders")
        await connection.execute("checkpoint")
    finally:
        await connection.close()
    return made


def buyers(wanted: list[str]) -> list[str]:
    """Lines of "token ticket": every few tickets somebody else buys."""
    clock = SystemClock()
    tokens, ids = Tokens(KEY, None, "ticketing", "ticketing", clock), Ids(clock)
    lines = []
    for start in range(0, len(wanted), TICKETS_A_BUYER):
        token = tokens.issue(
            user_id=UserId(ids.new()), email="b@example.com", roles=(), session_epoch=0
        )
        lines += [f"{token} {ticket}" for ticket in wanted[start : start + TICKETS_A_BUYER]]
    return lines
