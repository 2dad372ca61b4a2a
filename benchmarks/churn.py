"""`make churn`: memory stays flat while actors come and go.

200,000 tickets and their orders are woken one after the other, evenly over the time, on a durable
PostgreSQL: eight of ten hear an offer they refuse, one is reserved and let go of again, and one is
reserved until its time is up, when timers wake it and its order. Who is not asked for a minute
leaves the memory. Once as many leave as come, memory must not grow.

    python -m benchmarks.churn [--minutes 10] [--tickets 200000]
"""

import argparse
import asyncio
import gc
import statistics
import sys
from typing import NamedTuple

import psutil

from actors import Runtime, directory
from benchmarks import market
from benchmarks.engine import engine
from benchmarks.stage import stage
from ticketing import event_loop, orders
from ticketing.errors import PriceChangedError
from ticketing.serve import calm_collector
from ticketing.settings import Settings
from ticketing.values import OrderId, TicketId, UserId

__all__: list[str] = []

STEP_SECONDS = 0.1
SAMPLES = 40
PAID_TOO_LITTLE = 1
BOUGHT_EVERY = 5

# Longer than an actor that nobody asks stays in memory: timers wake sleepers.
RESERVED_SECONDS = 75.0

# Of the medians of two stretches of the run. The allocator breathes by a percent or two.
GROWTH_MAX = 0.05


class Sample(NamedTuple):
    """What the process holds at one moment."""

    seconds: float
    woken: int
    resident: int
    tasks: int
    timers: int
    tracked: int
    """Objects that the garbage collector knows."""
    mib: float


async def churn(runtime: Runtime, tickets: list[str], seconds: float) -> list[Sample]:
    """Wake *tickets* evenly over *seconds*; what the process held meanwhile."""
    clock, samples = runtime.clock, list[Sample]()
    began, woken = clock.monotonic(), 0
    while woken < len(tickets):
        elapsed = clock.monotonic() - began
        due = min(len(tickets), int(len(tickets) * (elapsed + STEP_SECONDS) / seconds))
        few = range(woken, due)
        await asyncio.gather(*[_wake(runtime, place, tickets[place]) for place in few])
        woken = due
        if len(samples) < SAMPLES * elapsed / seconds:
            samples.append(_sample(runtime, elapsed, woken))
            print(
                "{:6.0f} s {:8d} {:9d} {:6d} {:7d} {:9d} {:8.1f} MiB".format(*samples[-1]),
                flush=True,
            )
        await clock.sleep(max(0.0, began + woken / len(tickets) * seconds - clock.monotonic()))
    return samples


async def _wake(runtime: Runtime, place: int, ticket: str) -> None:
    order, buyer = orders.order(OrderId(runtime.ids.new())), UserId(runtime.ids.new())
    buys = place % BOUGHT_EVERY == 0
    offer = orders.Place(
        ticket_id=TicketId(ticket), buyer_id=buyer, price_minor=None if buys else PAID_TOO_LITTLE
    )
    try:
        await runtime.ask(order, offer, fresh=True)
    except PriceChangedError:
        return
    if place % (2 * BOUGHT_EVERY) == 0:
        await runtime.ask(order, orders.Cancel(buyer_id=buyer, reason=orders.CancelReason.USER))


def _sample(runtime: Runtime, seconds: float, woken: int) -> Sample:
    gc.collect()
    return Sample(
        seconds=seconds,
        woken=woken,
        resident=len(runtime.resident),
        tasks=len(asyncio.all_tasks()),
        timers=int(runtime.metrics.get_sample_value("actors_timers_waiting") or 0),
        tracked=len(gc.get_objects()),
        mib=psutil.Process().memory_info().rss / 2**20,
    )


def growth(samples: list[Sample]) -> float:
    """How much more the last fifth of the run held than the second, in which all was there."""
    fifth = len(samples) // 5
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    medians = [statistics.median(each.mib for each in part) for part in (early, late)]
    return medians[1] / medians[0] - 1


async def run(minutes: float, tickets: int) -> int:
    """Run it; 0 if memory was flat."""
    async with stage(rounds=1, quick=False) as on:
        dsn = await on.database("soak")
        offered = await market.offer(dsn, tickets)
        settings = Settings(rate_limits=False, reservation_seconds=RESERVED_SECONDS)
        async with engine(dsn, settings=settings) as runtime:
            calm_collector()
            await runtime.start()
            print("  time      woken  resident  tasks  timers   tracked   memory")
            samples = await churn(runtime, offered, minutes * 60)
    grown = growth(samples)
    verdict = "flat" if grown <= GROWTH_MAX else "GROWING"
    print(f"{tickets:,} tickets in {minutes:g} min: {grown:+.1%}, {verdict}")
    return 0 if grown <= GROWTH_MAX else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.churn", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--tickets", type=int, default=200_000)
    given = parser.parse_args()
    # Within a tenth of the run as many leave as come.
    directory.IDLE_SECONDS = min(directory.IDLE_SECONDS, given.minutes * 60 / 10)
    return event_loop.run(run(given.minutes, given.tickets))


if __name__ == "__main__":
    sys.exit(main())
