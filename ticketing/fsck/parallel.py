"""Histories in several processes, all at one instant.

Most of `fsck` is Python that folds facts, and one process of Python uses one core. So the keys of
each kind are divided among as many processes as there are cores; they see the snapshot of whoever
started them, and what they find is put together.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from typing import Final, NamedTuple

import asyncpg

from actors.postgres_session import prepare_session
from ticketing.bootstrap import STATE_TYPES, TABLES, placement
from ticketing.fsck import history
from ticketing.fsck.violation import Connection, Violation

__all__ = ["SETTINGS", "histories"]

SETTINGS: Final = {"application_name": "ticketing:fsck", "jit": "off", "timezone": "UTC"}

# A process takes a second to start; a core folds some forty thousand actors in that time.
ACTORS_A_PROCESS_MIN: Final = 50_000

# Pieces of work a process, so that none waits long for another.
PIECES: Final = 4


class Piece(NamedTuple):
    """Actors of one kind with keys after one and until another."""

    dsn: str
    snapshot: str
    kind: str
    after: str
    until: str | None


async def histories(connection: Connection, dsn: str | None) -> list[Violation]:
    """What is wrong with any history, as the transaction of *connection* sees it.

    Without a *dsn* there is nothing that other processes could connect to.
    """
    counts = {kind: await _count(connection, kind) for kind in STATE_TYPES}
    processes = min(os.cpu_count() or 1, sum(counts.values()) // ACTORS_A_PROCESS_MIN)
    if dsn is None or processes < 2:  # noqa: PLR2004 - one needs no company
        return [each for kind in counts for each in await _found(connection, kind)]
    snapshot = await connection.fetchval("select pg_export_snapshot()")
    pieces = [
        Piece(dsn, snapshot, kind, after, until)
        for kind, count in sorted(counts.items(), key=lambda each: -each[1])
        for after, until in await _ranges(
            connection, kind, min(PIECES * processes, 1 + count // history.PAGE_ACTORS)
        )
    ]
    loop = asyncio.get_running_loop()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        found = await asyncio.gather(*(loop.run_in_executor(pool, _work, each) for each in pieces))
    return [violation for each in found for violation in each]


async def _count(connection: Connection, kind: str) -> int:
    count: int = await connection.fetchval(f"select count(*) from {TABLES[kind]}")  # noqa: S608 - names
    return count


async def _ranges(
    connection: Connection, kind: str, pieces: int
) -> Iterator[tuple[str, str | None]]:
    """The keys of *kind* in so many *pieces* of about one size; the last has no end."""
    shares = [number / pieces for number in range(1, pieces)]
    select = f"select percentile_disc($1::float8[]) within group (order by id) from {TABLES[kind]}"  # noqa: S608 - names
    ends = await connection.fetchval(select, shares) or []
    bounds = ["", *(end for end in dict.fromkeys(ends) if end), None]
    return ((str(after), until) for after, until in pairwise(bounds))


async def _found(connection: Connection, kind: str) -> list[Violation]:
    return [each async for each in history.histories(connection, kind, placement())]


def _work(piece: Piece) -> list[Violation]:
    """In a process of the pool: one piece."""
    return asyncio.run(_check(piece))


async def _check(piece: Piece) -> list[Violation]:
    connection = await asyncpg.connect(piece.dsn, server_settings=SETTINGS)
    try:
        await prepare_session(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(f"set transaction snapshot '{piece.snapshot}'")
            found = history.histories(
                connection, piece.kind, placement(), after=piece.after, until=piece.until
            )
            return [each async for each in found]
    finally:
        await connection.close()
