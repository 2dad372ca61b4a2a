"""(e): what actors cost: in memory at rest with their timers, and asleep.

Measured is resident memory of a fresh process, because that is what a machine runs out of: objects,
the allocator's losses and what loading left behind, together.

    python -m benchmarks.memory DSN COUNT     in a process of its own, prints JSON
"""

import asyncio
import gc
import json
import sys
from dataclasses import asdict, dataclass
from datetime import timedelta

import asyncpg
import psutil

from actors import Runtime, SystemClock, directory, timers
from benchmarks import market
from benchmarks.engine import engine
from benchmarks.stage import Stage, child, process
from benchmarks.table import Row
from ticketing import event_loop, tickets
from ticketing.serve import calm_collector
from ticketing.values import OrderId, TicketId, UserId

__all__ = ["resident", "sleeping"]

RESIDENT, RESIDENT_QUICK = 100_000, 10_000
TARGET_BYTES = 2048
# Far enough that nothing is due while we measure.
DUE_IN = timedelta(minutes=30)
WAKE_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Bytes of resident memory for each ticket."""

    timer: float
    actor: float

    @property
    def both(self) -> float:
        return self.timer + self.actor


async def resident(stage: Stage) -> list[Row]:
    """(e) Reserved tickets at rest, each with its timer."""
    count = RESIDENT_QUICK if stage.quick else RESIDENT
    dsn = await stage.database("e")
    await market.offer(dsn, count)
    await market.reserve(dsn, count, SystemClock().now() + DUE_IN, timedelta(minutes=1))
    reports = []
    for _ in range(stage.rounds):
        reports.append(Report(**await child(stage.folder, "memory", dsn, str(count))))
        print(f"  (e) {reports[-1].both:.0f} bytes a ticket")
    title = f"(e) a reserved ticket at rest, of {count:,}"
    return [
        Row(title=f"{title}, with its timer", unit="bytes", at_most=TARGET_BYTES,
            values=[report.both for report in reports]),
        Row(title=f"{title}: its timer", unit="bytes", values=[each.timer for each in reports]),
        Row(title=f"{title}: the actor", unit="bytes", values=[each.actor for each in reports]),
    ]  # fmt: skip


async def sleeping(stage: Stage) -> list[Row]:
    """(e) Tickets that are rows and nothing else, behind the real server."""
    dsn, count = await stage.market()
    sizes, starts = [], []
    for _ in range(stage.rounds):
        serve = ["-m", "ticketing", "serve"]
        async with process(stage.folder, "e-ours", serve, {"DATABASE_URL": dsn}) as running:
            sizes.append(psutil.Process(running.pid).memory_info().rss / 2**20)
            starts.append(running.start_seconds)
    title = f"(e) {count:,} tickets asleep"
    return [
        Row(title=f"{title}: the server's memory", unit="MiB", values=sizes),
        Row(title=f"{title}: start until ready", unit="s", values=starts),
    ]


async def run(dsn: str, count: int) -> Report:
    """Wake *count* tickets in this process and weigh them."""
    # Timers come into memory a minute before they are due and actors leave it after a minute
    # without a message. Both moments are put off, so that all are here at once.
    timers.WINDOW = DUE_IN * 2
    directory.IDLE_SECONDS = DUE_IN.total_seconds()
    await _forget_orders(dsn)
    async with engine(dsn) as runtime:
        calm_collector()
        empty = _weight()
        await runtime.start()
        with_timers = _weight()
        await _wake(runtime, dsn)
        awake = _weight()
        found = sum(ref.kind == tickets.TICKET for ref in runtime.resident)
        if found != count:
            raise RuntimeError(f"expected {count} tickets in memory, got {found}")
    return Report(timer=(with_timers - empty) / count, actor=(awake - with_timers) / count)


def _weight() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


async def _forget_orders(dsn: str) -> None:
    """Drop the timers of the orders: they are not what is weighed."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("delete from inbox where kind <> 'ticket'")
    finally:
        await connection.close()


async def _wake(runtime: Runtime, dsn: str) -> None:
    """Ask each for the reservation that it is under; the answer changes nothing.

    Nobody else keeps the ids: what an actor keeps of them is weighed with it.
    """

    async def wake(ticket_id: str, order_id: str, buyer_id: str) -> None:
        message = tickets.Reserve(
            order_id=OrderId(order_id), buyer_id=UserId(buyer_id), window=market.WINDOW
        )
        await runtime.ask(tickets.ticket(TicketId(ticket_id)), message)

    connection = await asyncpg.connect(dsn)
    try:
        last = ""
        while few := await connection.fetch(_HELD, last, WAKE_AT_ONCE):
            await asyncio.gather(*(wake(*each) for each in few))
            last = few[-1]["id"]
    finally:
        await connection.close()


_HELD = """
select id, order_id, buyer_id from tickets where status = 'reserved' and id > $1
order by id limit $2
"""


if __name__ == "__main__":
    print(json.dumps(asdict(event_loop.run(run(sys.argv[1], int(sys.argv[2]))))))
