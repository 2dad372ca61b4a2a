"""(c): ten thousand deadlines within two seconds, while orders keep coming.

The actors sleep until their time comes, as they do after a quarter of an hour: each has to be read
from its row. Lateness is taken where the change is published, which is after the commit; what a
turn believes about the time (`at` in the journal) would leave out the commit.

    python -m benchmarks.deadlines DSN COUNT     in a process of its own, prints JSON
"""

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import asyncpg

from actors import Change, Ids, LocalBus, Runtime, SystemClock
from benchmarks import market
from benchmarks.engine import engine
from benchmarks.stage import Stage, child
from benchmarks.table import Row, percentile
from ticketing import bootstrap, event_loop, orders
from ticketing.serve import calm_collector
from ticketing.values import OrderId, TicketId, UserId

__all__ = ["measure"]

DEADLINES, DEADLINES_QUICK = 10_000, 1_000
SPREAD = timedelta(seconds=2)
ORDERS_PER_SECOND = 100
# Orders come from this long before the first deadline until this long after the last.
MARGIN = timedelta(seconds=1)
# From filling the tables to the first deadline: enough to start the runtime on a busy machine.
LEAD = timedelta(seconds=12)
# Whoever has not come after this is called lost.
PATIENCE_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class Report:
    """One round; times in milliseconds."""

    tickets: list[float] = field(default_factory=list)
    orders: list[float] = field(default_factory=list)
    placing: list[float] = field(default_factory=list)
    lost: int = 0
    refused: int = 0


class Recorder(LocalBus):
    """Notes when each actor in *deadlines* was seen to have ended, and how late that was."""

    def __init__(self, clock: SystemClock, report: Report) -> None:
        super().__init__()
        self.deadlines: dict[str, datetime] = {}
        self.all_ended = asyncio.Event()
        self._clock = clock
        self._late = {"ticket": report.tickets, "order": report.orders}
        self._ended = {"ticket": "available", "order": "cancelled"}

    def publish(self, change: Change) -> None:
        super().publish(change)
        until = self.deadlines.get(change.key)
        if until is not None and change.state.status == self._ended[change.kind]:  # type: ignore[attr-defined]
            del self.deadlines[change.key]
            if not self.deadlines:
                self.all_ended.set()
            late = (self._clock.now() - until).total_seconds()
            self._late[change.kind].append(late * 1000)


async def measure(stage: Stage) -> list[Row]:
    """Lateness of tickets and orders, round by round."""
    count = DEADLINES_QUICK if stage.quick else DEADLINES
    reports = []
    for number in range(stage.rounds):
        dsn = await stage.database(f"c{number}")
        report = Report(**await child(stage.folder, "deadlines", dsn, str(count)))
        reports.append(report)
        late = [f"p99 {percentile(each, 0.99):.0f}" for each in (report.tickets, report.orders)]
        print(f"  (c) tickets {late[0]} ms, orders {late[1]} ms, lost {report.lost}")
    title = f"(c) {count:,} deadlines in {SPREAD.seconds} s"
    early = [sum(late < 0 for late in each.tickets + each.orders) for each in reports]
    return [
        *_lateness(f"{title}: ticket released late by", [each.tickets for each in reports], 100),
        *_lateness(f"{title}: order cancelled late by", [each.orders for each in reports], 500),
        Row(title=f"{title}: early", unit="", values=early, at_most=0),
        Row(title=f"{title}: lost", unit="", values=[each.lost for each in reports], at_most=0),
        *_lateness(f"{title}: meanwhile placing one of 100 orders/s took",
                   [each.placing for each in reports]),
        Row(title=f"{title}: orders refused", unit="", values=[each.refused for each in reports]),
    ]  # fmt: skip


def _lateness(title: str, rounds: list[list[float]], target: float | None = None) -> list[Row]:
    shares = (("p50", 0.5, None), ("p99", 0.99, target), ("max", 1.0, None))
    return [
        Row(title=f"{title}, {name}", unit="ms", at_most=limit,
            values=[percentile(each, share) for each in rounds])
        for name, share, limit in shares
    ]  # fmt: skip


async def run(dsn: str, count: int) -> Report:
    """One round in this process."""
    report, clock = Report(), SystemClock()
    recorder = Recorder(clock, report)
    span = SPREAD + 2 * MARGIN
    tickets = await market.offer(dsn, count + int(span.total_seconds() * ORDERS_PER_SECOND))
    first = clock.now() + LEAD
    await market.reserve(dsn, count, first, SPREAD)
    recorder.deadlines = await _deadlines(dsn)
    async with engine(dsn, clock=clock, bus=recorder) as runtime:
        await bootstrap.begin_watches(runtime)
        await runtime.start()
        calm_collector()
        pause = (first - MARGIN - clock.now()).total_seconds()
        if pause < 0:
            raise RuntimeError("the machine is too busy: the first deadline came before the start")
        await asyncio.sleep(pause)
        await _place(runtime, tickets[: len(tickets) - count], report)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(recorder.all_ended.wait(), PATIENCE_SECONDS)
    # What nobody published, or what the tables do not have, whichever is more.
    report.lost = max(len(recorder.deadlines), await market.overdue(dsn))
    return report


async def _deadlines(dsn: str) -> dict[str, datetime]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select key, due_at from inbox where name in ('lapse', 'expire')"
        )
    finally:
        await connection.close()
    return {row["key"]: row["due_at"] for row in rows}


async def _place(runtime: Runtime, tickets: list[str], report: Report) -> None:
    """An order for each of *tickets*, so many a second, whether or not those before are placed."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as placing:
        for number, ticket in enumerate(tickets):
            due = began + number / ORDERS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            placing.create_task(_place_one(runtime, ticket, due, report))


async def _place_one(runtime: Runtime, ticket: str, due: float, report: Report) -> None:
    """Timed from when it was to be sent, so that a stalled loop does not look fast."""
    ids: Ids = runtime.ids
    place = orders.Place(ticket_id=TicketId(ticket), buyer_id=UserId(ids.new()))
    placed = await runtime.ask(orders.order(OrderId(ids.new())), place, fresh=True)
    report.refused += placed.order is None
    report.placing.append((time.perf_counter() - due) * 1000)


if __name__ == "__main__":
    print(json.dumps(asdict(event_loop.run(run(sys.argv[1], int(sys.argv[2]))))))
