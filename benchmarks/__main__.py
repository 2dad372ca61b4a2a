"""`make bench`: measures each row round by round and prints them all as one table."""

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from benchmarks import (
    admin,
    asks,
    deadlines,
    fsck,
    hooks,
    live,
    memory,
    orders,
    paging,
    profile,
    restart,
)
from benchmarks.stage import Stage, stage
from benchmarks.table import Row, render

ROUNDS = 5

# (f) goes last: what it lets lapse stays in the tables.
MEASURES: dict[str, Sequence[Callable[[Stage], Awaitable[list[Row]]]]] = {
    "a": (orders.distinct,),
    "b": (orders.one_ticket,),
    "c": (deadlines.measure,),
    "d": (asks.measure,),
    "e": (memory.resident, memory.sleeping),
    "g": (paging.measure,),
    "h": (live.idle,),
    "i": (live.fan_out,),
    "j": (live.throughput,),
    "l": (live.stuck,),
    "m": (live.storm,),
    "n": (hooks.measure,),
    "o": (admin.pages,),
    "p": (admin.cost,),
    "v": (fsck.measure,),
    "f": (restart.measure,),
}


async def measure(
    wanted: Sequence[str], *, rounds: int, quick: bool
) -> tuple[list[Row], profile.Profile | None]:
    """All rows of *wanted*, in the order of their letters; and with (a) where its time goes."""
    rows: list[Row] = []
    found = None
    async with stage(rounds=rounds, quick=quick) as on:
        for letter, measures in MEASURES.items():
            for each in measures if letter in wanted else ():
                print(f"{letter}: {each.__doc__ or each.__name__}".splitlines()[0], flush=True)
                rows += await each(on)
        if "a" in wanted:
            found = await profile.record(on)
    return sorted(rows, key=lambda row: row.title[:3]), found


def letters(text: str) -> list[str]:
    """A list like "a,c"."""
    wanted = text.split(",")
    unknown = sorted(set(wanted) - set(MEASURES))
    if unknown:
        raise argparse.ArgumentTypeError(f"expected some of {','.join(MEASURES)}, got {unknown}")
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", type=letters, default=list(MEASURES), metavar="a,b,...")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="smaller and shorter, to try it out")
    given = parser.parse_args()
    rows, profiled = asyncio.run(measure(given.only, rounds=given.rounds, quick=given.quick))
    now = datetime.now(UTC)  # noqa: TID251 - a benchmark is not part of the product
    print(f"\n{now:%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(render(rows))
    if profiled is not None:
        print(f"\nWhere an order's time goes, before and now:\n\n{profile.compare(profiled)}")


if __name__ == "__main__":
    main()
