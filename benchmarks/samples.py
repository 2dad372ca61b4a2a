"""What the processes of a site say of themselves, every few seconds of a long run."""

import asyncio
import statistics
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.people import People
from benchmarks.site import Pod, Site

__all__ = ["Samples"]

EVERY_SECONDS: Final = 5.0
SHOWN_EVERY: Final = 6  # A line each half minute.
SCRAPE_SECONDS: Final = 4.0

# Samples from so long before a moment until then stand for it: the allocator breathes.
AROUND_SECONDS: Final = 45.0

_GAUGES: Final = {
    "process_resident_memory_bytes": "rss",
    "process_open_fds": "fds",
    "actors_loop_tasks": "tasks",
    "actors_resident": "actors",
    "actors_timers_waiting": "timers",
    "actors_inbox_overdue": "overdue",
}
_HEADS: Final = ("s", "process", "MiB", "descriptors", "tasks", "actors", "timers", "overdue",
                 "late s, mean", "answered", "troubles")  # fmt: skip
_LATENESS: Final = "actors_timer_lateness_seconds"


@dataclass
class Samples:
    """By process: what was seen, and when."""

    site: Site
    stop: asyncio.Event
    seen: dict[str, list[tuple[float, dict[str, float]]]] = field(default_factory=dict)
    _began: float = 0.0

    @property
    def survivors(self) -> list[str]:
        """The processes that were there all the time."""
        most = max(len(each) for each in self.seen.values())
        return [name for name, each in self.seen.items() if len(each) > 0.9 * most]

    def around(self, pod: str, what: str, at: float) -> tuple[float, float]:
        """The medians of *what* shortly before *at*, and of the end."""
        lines = self.seen[pod]
        end = lines[-1][0]
        return tuple(  # type: ignore[return-value]
            statistics.median(
                [said[what] for when, said in lines if moment - AROUND_SECONDS <= when <= moment]
            )
            for moment in (at, end)
        )

    async def take(self, people: People) -> None:
        """Until it is over."""
        self._began = asyncio.get_running_loop().time()
        print(f"| {' | '.join(_HEADS)} |\n|{'---|' * len(_HEADS)}")
        number = 0
        while not self.stop.is_set():
            for pod in tuple(self.site.pods):
                said = await self._scrape(pod)
                if said is not None:
                    at = asyncio.get_running_loop().time() - self._began
                    self.seen.setdefault(pod.name, []).append((at, said))
                    if number % SHOWN_EVERY == 0:
                        self._show(pod, people)
            number += 1
            await asyncio.sleep(EVERY_SECONDS)

    async def _scrape(self, pod: Pod) -> dict[str, float] | None:
        limit = aiohttp.ClientTimeout(total=SCRAPE_SECONDS)
        try:
            async with self.site.probes.get(f"{pod.url}/metrics", timeout=limit) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, OSError):
            return None
        said = dict.fromkeys(("late_sum", "late_count"), 0.0)
        for family in text_string_to_metric_families(text):
            if family.name in _GAUGES and family.samples:
                said[_GAUGES[family.name]] = family.samples[0].value
            elif family.name == _LATENESS:
                for sample in family.samples:
                    for part in ("sum", "count"):
                        if sample.name.endswith(part):
                            said[f"late_{part}"] += sample.value
        return said if said.keys() >= set(_GAUGES.values()) else None

    def _show(self, pod: Pod, people: People) -> None:
        lines = self.seen[pod.name]
        at, said = lines[-1]
        before = lines[max(0, len(lines) - 1 - SHOWN_EVERY)][1]
        due = said["late_count"] - before["late_count"]
        late = (said["late_sum"] - before["late_sum"]) / due if due else 0.0
        print(f"| {at:.0f} | {pod.name} | {said['rss'] / 2**20:.1f} | {said['fds']:.0f}"
              f" | {said['tasks']:.0f} | {said['actors']:.0f} | {said['timers']:.0f}"
              f" | {said['overdue']:.0f} | {late:.3f} | {people.answered}"
              f" | {len(people.trouble)} |", flush=True)  # fmt: skip
