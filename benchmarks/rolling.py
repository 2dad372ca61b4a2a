"""`make rolling`: every role restarted twice under load, and nobody notices.

As a Deployment with `maxSurge: 1` and `maxUnavailable: 0` does it: a new process is ready before an
old one is told to stop, one process after the other. Meanwhile people order at a steady rate
(one in twenty pays), twenty older reservations a second lapse, and sockets watch.

    python -m benchmarks.rolling [--rate 200] [--rounds 2] [--watchers 100]
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from actors import SystemClock
from benchmarks import lapses, market, site
from benchmarks.site import ROLES, Pod, Site
from benchmarks.stage import KEY, folder
from benchmarks.table import percentile
from benchmarks.traffic import Tally, Watcher, now, orders_at
from tests.support.wait import until

__all__: list[str] = []

LAPSES_PER_SECOND: Final = 20
LAPSE_LATE_MAX: Final = 1.0

BACK_SECONDS_MAX: Final = 1.0

# From when the database is filled to the first lapse: by then all processes are there.
START_SECONDS: Final = 60.0

# After each restart: what it left behind.
CALM_SECONDS: Final = 2.0

# A restart takes about five seconds, and two or three times that on a busy machine.
TICKETS_PER_RESTART: Final = 20

# More than wait at any moment, unless the site cannot keep up: then it has to say so, not we.
CONNECTIONS: Final = 800


@dataclass
class Roll:
    """What was seen while one process took another's place."""

    role: str
    ready: float
    ended: float
    requests: int
    refused: int
    cured: int
    failed: int
    late: float


@dataclass
class Scene:
    """A site under load."""

    site: Site
    tally: Tally
    watchers: list[Watcher]
    rolls: list[Roll] = field(default_factory=list)

    async def roll(self, old: Pod) -> None:
        """Put a new process in *old*'s place."""
        ((since,),) = await self.site.fetch("select clock_timestamp()")
        before = (self.tally.requests, self.tally.refused, self.tally.cured, len(self.tally.failed))
        began = now()
        await self.site.start(old.role)
        ready = now()
        await self.site.retire(old)
        ended = now()
        await asyncio.sleep(CALM_SECONDS)
        after = (self.tally.requests, self.tally.refused, self.tally.cured, len(self.tally.failed))
        counts = [b - a for a, b in zip(before, after, strict=True)]
        _, late = await lapses.latest(self.site, since)
        self.rolls.append(Roll(old.role, ready - began, ended - ready, *counts, late))
        print("  {:<11} ready {:5.1f} s  ended {:5.1f} s  {:5d} requests  {:3d} 503s".format(
            old.role, ready - began, ended - ready, *counts[:2]), flush=True)  # fmt: skip


async def rolling(rate: float, rounds: int, watchers: int, roles: tuple[str, ...]) -> int:
    """Do it; 0 if nobody noticed."""
    restarts = len(roles) * rounds
    count = int(rate * TICKETS_PER_RESTART * (restarts + 1))
    lapsing = LAPSES_PER_SECOND * TICKETS_PER_RESTART * (restarts + 1)
    first = SystemClock().now() + timedelta(seconds=START_SECONDS)
    offered: list[str] = []

    async def prepare(dsn: str) -> None:
        offered.extend((await market.offer(dsn, count + lapsing, journalled=True))[:count])
        spread = timedelta(seconds=lapsing / LAPSES_PER_SECOND)
        await market.reserve(dsn, lapsing, first, spread, journalled=True)

    with folder() as place:
        async with site.running(place, roles, {}, prepare) as on:
            calm = (first - SystemClock().now()).total_seconds() + CALM_SECONDS
            scene = await _under_load(on, rate, rounds, offered, watchers=watchers, calm=calm)
            lapsed = await lapses.latest(on, first)
            found = [str(each) for each in await on.fsck()]
    return _told(scene, lapsed, found)


async def _under_load(
    on: Site, rate: float, rounds: int, offered: list[str], *, watchers: int, calm: float
) -> Scene:
    tally, stop = Tally(), asyncio.Event()
    async with site.client(on, CONNECTIONS) as http, site.client(on, 0) as sockets:
        scene = Scene(on, tally, [Watcher(sockets, each) for each in offered[:watchers]])
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(each.watch()) for each in scene.watchers]
            await until(lambda: all(each.is_up for each in scene.watchers), "everybody watches")
            tasks.create_task(orders_at(rate, http, tally, market.buyers(offered, KEY), stop))
            await asyncio.sleep(max(calm, CALM_SECONDS))
            for _ in range(rounds):
                for old in tuple(on.pods):
                    await scene.roll(old)
            stop.set()
            with suppress(AssertionError):  # It is told below who is not.
                await until(lambda: all(each.is_up for each in scene.watchers), "all are back",
                            seconds=10)  # fmt: skip
            up = [each.is_up for each in scene.watchers]
            for each in watching:
                each.cancel()
        await asyncio.sleep(LAPSE_LATE_MAX + CALM_SECONDS)
    for watcher, is_up in zip(scene.watchers, up, strict=True):
        watcher.is_up = is_up
    return scene


def _told(scene: Scene, lapsed: tuple[int, float], violations: list[str]) -> int:
    """The tables; 1 if anybody has noticed."""
    tally, rolls = scene.tally, scene.rolls
    heads = ("role", "restarts", "ready s", "ended s", "requests", "503", "cured", "failed",
             "latest lapse s")  # fmt: skip
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for role in dict.fromkeys(each.role for each in rolls):
        own = [each for each in rolls if each.role == role]
        print(
            f"| {role} | {len(own)} | {max(each.ready for each in own):.1f}"
            f" | {max(each.ended for each in own):.1f} | {sum(each.requests for each in own)}"
            f" | {sum(each.refused for each in own)} | {sum(each.cured for each in own)}"
            f" | {sum(each.failed for each in own)} | {max(each.late for each in own):.3f} |"
        )
    back = [seconds for watcher in scene.watchers for seconds in watcher.back]
    lost = [line for watcher in scene.watchers for line in watcher.lost]
    checks: dict[str, tuple[Any, bool]] = {
        "requests": (tally.requests, tally.requests > 0),
        "503s": (tally.refused, True),
        "cured by one retry": (tally.cured, tally.cured == tally.refused),
        "failed": (len(tally.failed), not tally.failed),
        "answers": (", ".join(f"{times} x {what}" for what, times in tally.statuses.items()), True),
        "slow ones": (", ".join(f"{times} x {what}" for what, times in tally.slow.items()), True),
        "answered within, median, p99 s": (
            " ".join(f"{percentile(tally.seconds, share):.3f}" for share in (0.5, 0.99)), True),
        "answered within, longest s": (round(max(tally.seconds), 3), True),
        "lapses (tickets and orders)": (lapsed[0], lapsed[0] > 0),
        "latest lapse s": (round(lapsed[1], 3), lapsed[1] <= LAPSE_LATE_MAX),
        "sockets": (len(scene.watchers), all(each.is_up for each in scene.watchers)),
        "goodbyes": (len(back), True),
        "back after, longest s": (round(max(back, default=0), 3),
                                  max(back, default=0) <= BACK_SECONDS_MAX),
        "handshakes told to come later": (sum(each.gates for each in scene.watchers), True),
        "lines lost without a goodbye": (len(lost), not lost),
        "violations (fsck)": (len(violations), not violations),
    }  # fmt: skip
    print("\n| what | seen | |\n|---|---|---|")
    for what, (seen, is_well) in checks.items():
        print(f"| {what} | {seen} | {'' if is_well else 'MISSED'} |")
    for line, times in Counter([*tally.failed, *lost, *violations]).most_common(20):
        print(f"{times} x {line[:300]}")
    return 0 if all(is_well for _, is_well in checks.values()) else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rolling", description=__doc__)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--watchers", type=int, default=100)
    parser.add_argument("--roles", type=lambda text: tuple(text.split("+")), default=ROLES)
    given = parser.parse_args()
    today = datetime.now(UTC)  # noqa: TID251 - a benchmark is not part of the product
    print(f"{today:%Y-%m-%d}, {os.cpu_count()} cores, {given.rate:g} orders/s, one process each:"
          f" {', '.join(given.roles)}", flush=True)  # fmt: skip
    status = asyncio.run(rolling(given.rate, given.rounds, given.watchers, given.roles))
    print(f"load {os.getloadavg()[0]:.1f}")
    return status


if __name__ == "__main__":
    sys.exit(main())
