"""(f): a start on a large market after an outage: a million tickets, ten thousand overdue.

The first start follows a clean stop, the second a SIGKILL of the process before it.
"""

import asyncio
import os
import signal
import time
from datetime import timedelta

import asyncpg

from actors import SystemClock
from benchmarks import market
from benchmarks.stage import Stage, process
from benchmarks.table import Row

__all__ = ["measure"]

OVERDUE, OVERDUE_QUICK = 10_000, 1_000
READY_SECONDS = 5.0
LAPSED_SECONDS = 10.0
# How long ago the last of them was due.
OUTAGE = timedelta(minutes=5)
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 120.0

_LAPSED = "select count(*) from orders where status = 'cancelled' and cancel_reason = 'expired'"


async def measure(stage: Stage) -> list[Row]:
    """Seconds from the process's start until it is ready, and from there until all have lapsed."""
    dsn, count = await stage.market()
    overdue = OVERDUE_QUICK if stage.quick else OVERDUE
    serve, settings = ["-m", "ticketing", "serve"], {"DATABASE_URL": dsn}
    ready, lapsed, killed = [], [], []
    for number in range(stage.rounds):
        first = SystemClock().now() - OUTAGE - timedelta(minutes=1)
        await market.reserve(dsn, overdue, first, timedelta(minutes=1))
        async with process(stage.folder, "f-ours", serve, settings) as running:
            ready.append(running.start_seconds)
            lapsed.append(await _until_lapsed(dsn, overdue * (number + 1)))
            os.kill(running.pid, signal.SIGKILL)
        async with process(stage.folder, "f-again", serve, settings) as running:
            killed.append(running.start_seconds)
        print(f"  (f) ready after {ready[-1]:.2f} s, all lapsed {lapsed[-1]:.2f} s later;"
              f" after a kill -9 ready after {killed[-1]:.2f} s")  # fmt: skip
    title = f"(f) start with {count:,} tickets, {overdue:,} overdue"
    return [
        Row(title=f"{title}: ready after", unit="s", values=ready, at_most=READY_SECONDS),
        Row(title=f"{title}: all tickets and orders lapsed after another", unit="s",
            values=lapsed, at_most=LAPSED_SECONDS),
        # Whose lease has not ended may still be alive: a new process waits for that.
        Row(title=f"{title}: ready after a kill -9", unit="s", values=killed),
    ]  # fmt: skip


async def _until_lapsed(dsn: str, expected: int) -> float:
    began = time.perf_counter()
    connection = await asyncpg.connect(dsn)
    try:
        while await market.overdue(dsn):
            if time.perf_counter() - began > PATIENCE_SECONDS:
                raise RuntimeError(f"not lapsed within {PATIENCE_SECONDS} s")
            await asyncio.sleep(LOOK_SECONDS)
        took = time.perf_counter() - began
        found = await connection.fetchval(_LAPSED)
    finally:
        await connection.close()
    if found != expected:
        raise RuntimeError(f"expected {expected} expired orders, got {found}")
    return took
