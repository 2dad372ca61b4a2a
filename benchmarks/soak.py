"""`make soak`: mixed traffic and faults for half an hour; nothing grows, nothing is lost.

People list, browse, watch, reserve, pay, cancel, and let reservations lapse, in an open loop.
Meanwhile a process is killed, PostgreSQL is killed, the payment provider has its weather, one
fault after the other. Each request is repeated until it is answered. A 503, or a line that breaks,
is explained by a fault that is going on or was just mended; any other, and any 500, is not.

What is looked at every few seconds is what the processes say of themselves (`/metrics`): memory,
descriptors and tasks of those that no fault ends, lateness of durable messages, messages overdue.

    python -m benchmarks.soak [--minutes 30] [--rate 15] [--roles gateway+gateway+...]
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import shutil
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from typing import Final

from benchmarks import site
from benchmarks.faults import Faults
from benchmarks.people import People
from benchmarks.samples import Samples
from benchmarks.stage import folder
from tests.support.wait import until

__all__: list[str] = []

# One gateway and one process with services live as long as the run; of the others, some are killed.
SERVICES: Final = "auth,tickets,orders,expiration,payments"
ROLES: Final = ("gateway", SERVICES, "gateway", SERVICES)

RESERVATION_SECONDS: Final = 20.0

# From the first sample that counts to the last: what is cached is cached by then.
BASELINE_SECONDS: Final = 300.0
GROWTH_MAX: Final = 1.1

# Descriptors and tasks follow how many people are there; they do not follow the time.
FLAT_MAX: Final = 1.3

REST_SECONDS: Final = 120.0

_UNFINISHED: Final = """
select format('overdue since %s: %s for %s/%s', due_at, message, kind, key) as what
from inbox where parked_at is null and due_at < clock_timestamp() - interval '1 second'
union all
select format('order %s is %s until %s', id, status, expires_at)
from orders where status in ('created', 'awaiting:payment')
"""


async def soak(minutes: float, rate: float, roles: tuple[str, ...]) -> int:
    """Run it; 0 if all was flat and everything is explained."""
    settings = {"TICKETING_RESERVATION_SECONDS": f"{RESERVATION_SECONDS:g}"}
    with folder() as place:
        async with site.running(place, roles, settings) as on, site.client(on, 0) as http:
            stop = asyncio.Event()
            people, faults, samples = People(http, stop), Faults(on, stop), Samples(on, stop)
            async with asyncio.TaskGroup() as tasks:
                people_end = tasks.create_task(people.come(rate))
                tasks.create_task(faults.strike())
                tasks.create_task(samples.take(people))
                await asyncio.sleep(minutes * 60)
                stop.set()
                await people_end

            violations = await _unfinished(on)
            violations += [str(each) for each in await on.fsck()]
            ((size,),) = await on.fetch("select pg_database_size(current_database())")
            violations += [f"{pod.name} has ended" for pod in on.pods if pod.has_ended]
        kib = size / people.purchases / 1024
        print(f"database: {size / 2**20:.0f} MiB, {kib:.1f} KiB for each purchase begun")
        baseline = min(BASELINE_SECONDS, minutes * 60 / 2)
        status = _told(people, faults, samples, violations, baseline)
        if status:
            kept = tempfile.mkdtemp(prefix="ticketing-soak-")
            for log in place.glob("*.log"):
                shutil.copy(log, kept)
            print(f"logs: {kept}")
        return status


async def _unfinished(on: site.Site) -> list[str]:
    """What is still under way when all could long be at rest."""
    found: list[str] = []

    async def is_at_rest() -> bool:
        found[:] = [what for (what,) in await on.fetch(_UNFINISHED)]
        return not found

    with contextlib.suppress(AssertionError):
        await until(is_at_rest, "all is at rest", seconds=REST_SECONDS, every=0.5)
    return found


def _told(
    people: People, faults: Faults, samples: Samples, violations: list[str], baseline: float
) -> int:
    """The verdict, as a table; 1 if anything is not as it should be."""
    odd = [each.told for each in people.trouble if not faults.explain(each.at, each.status)]
    lines: list[tuple[str, str, bool]] = [
        ("requests answered", str(people.answered), people.answered > 0),
        ("purchases begun", str(people.purchases), True),
        ("faults", ", ".join(f"{n} x {what}" for what, n in faults.struck.items()), True),
        ("503s and broken lines, explained", str(len(people.trouble) - len(odd)), True),
        ("not explained", str(len(odd)), not odd),
        ("given up", str(len(people.given_up)), not people.given_up),
        ("wrong answers", str(len(people.wrong)), not people.wrong),
        (
            "violations (fsck), what does not come to rest, processes that ended by themselves",
            str(len(violations)),
            not violations,
        ),
    ]
    for pod, what, limit in itertools.product(
        samples.survivors, ("rss", "fds", "tasks"), (GROWTH_MAX, FLAT_MAX)
    ):
        if (what == "rss") is (limit == GROWTH_MAX):
            before, after = samples.around(pod, what, baseline)
            unit = 2**20 if what == "rss" else 1
            seen = f"{before / unit:.1f} -> {after / unit:.1f} ({after / before:.2f} x)"
            title = f"{pod}: {what}, after {baseline:.0f} s -> at the end"
            lines.append((title, seen, after <= limit * before))
    print("\n| what | seen | |\n|---|---|---|")
    for title, seen, is_well in lines:
        print(f"| {title} | {seen} | {'' if is_well else 'MISSED'} |")
    for line, times in Counter([*odd, *people.given_up, *people.wrong, *violations]).most_common(
        20
    ):
        print(f"{times} x {line[:300]}")
    return 0 if all(is_well for _, _, is_well in lines) else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=15.0, help="purchases begun in a second")
    parser.add_argument("--roles", type=lambda text: tuple(text.split("+")), default=ROLES)
    given = parser.parse_args()
    today = datetime.now(UTC)  # noqa: TID251 - a benchmark is not part of the product
    print(
        f"{today:%Y-%m-%d}, {os.cpu_count()} cores, {given.rate:g} purchases/s,"
        f" {given.minutes:g} min, one process each: {' + '.join(given.roles)}",
        flush=True,
    )
    status = asyncio.run(soak(given.minutes, given.rate, given.roles))
    print(f"load {os.getloadavg()[0]:.1f}")
    return status


if __name__ == "__main__":
    sys.exit(main())
