"""Where the process that serves spends an order: the ten functions it is found in most often.

py-spy looks at the process 200 times a second from outside, so what is measured is hardly slower.
What was found before the path was worked on is kept beside this module, to be compared with.
"""

import asyncio
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from benchmarks import market
from benchmarks.load import drive
from benchmarks.orders import SECONDS, TICKETS, both
from benchmarks.stage import KEY, Stage

__all__ = ["Profile", "compare", "record"]

BEFORE = Path(__file__).with_name("profile_before.json")
TOP = 10
SAMPLES_PER_SECOND = 200

# The line within the function: py-spy tells lines apart, and here they belong together.
_LINE = re.compile(r":\d+\)$")


class Profile(msgspec.Struct, frozen=True):
    """What an order costs the serving process, and in which functions."""

    commit: str
    cpu_us: float
    """User and system time of the process for one order, in microseconds."""
    shares: dict[str, float]
    """Of that, by function, without what it calls; the largest first."""


@dataclass(frozen=True, slots=True)
class _Line:
    place: int
    profile: Profile

    @property
    def text(self) -> str:
        name, share = list(self.profile.shares.items())[self.place]
        return f"{share * self.profile.cpu_us:5.1f} us {share:5.1%}  {name}"


async def record(stage: Stage) -> Profile | None:
    """Profile our side of (a); None where py-spy is missing or may not look."""
    spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")
    if spy is None:
        return None
    raw = stage.folder / "profile.raw"
    async with both(stage, "profile") as (ours, _):
        lines = market.buyers(await market.offer(ours.dsn, TICKETS), KEY)
        process = psutil.Process(ours.pid)
        before = process.cpu_times()
        looking = await asyncio.create_subprocess_exec(
            spy, "record", "--format", "raw", "--rate", str(SAMPLES_PER_SECOND),
            "--duration", str(SECONDS - 1), "--output", str(raw), "--pid", str(ours.pid),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        result = await drive(ours.url, lines, stage.folder, SECONDS, one=False)
        after = process.cpu_times()
        if await looking.wait() != 0:
            return None
    spent = after.user + after.system - before.user - before.system
    cpu_us = spent / (result.per_second * SECONDS) * 1e6
    return Profile("now", cpu_us, _shares(raw.read_text()))


def compare(now: Profile) -> str:
    """The top ten of before and of *now*, side by side."""
    before = msgspec.json.decode(BEFORE.read_bytes(), type=Profile)
    head = [f"{each.cpu_us:.0f} us an order ({each.commit})" for each in (before, now)]
    rows = [[_Line(place, each).text for each in (before, now)] for place in range(TOP)]
    width = max(len(row[0]) for row in [head, *rows])
    return "\n".join(f"{left:<{width}}   {right}" for left, right in [head, *rows])


def _shares(raw: str) -> dict[str, float]:
    """The shares of the functions on top of the stacks in *raw*: "outer;inner count" a line.

    Of the main thread: the others wait all the time for what hardly ever comes.
    """
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        if "_bootstrap (threading.py" in stack:
            continue
        found[_LINE.sub(")", stack.rpartition(";")[2])] += int(count)
    total = found.total()
    return {name: count / total for name, count in found.most_common(TOP)}
