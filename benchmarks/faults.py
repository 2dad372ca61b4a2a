"""The faults of a long run: one after the other, each mended, and when it was."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.site import Site
from tests.support.wait import until

__all__ = ["Faults"]

CALM_SECONDS: Final = 30.0
"""From the end of one to the next."""

AWAY_SECONDS: Final = 3.0
WEATHER_SECONDS: Final = 20.0

# The lease of a process that was killed is 6 s, and whoever waited at it waits for up to 12 s.
AFTERMATH_SECONDS: Final = 20.0

UNAVAILABLE: Final = 503

# Two calls in ten to the provider, and one webhook in ten, meet with something.
_RAIN: Final = {
    "seed": 1,
    "shares": {"delay": 0.1, "drop_after": 0.05, "500": 0.03, "500_effect": 0.02,
               "webhook_lose": 0.1},
    "delay_seconds": 2.0,
}  # fmt: skip


@dataclass
class Faults:
    """What happens to a site, and when it did."""

    site: Site
    stop: asyncio.Event
    struck: Counter[str] = field(default_factory=Counter)
    windows: list[tuple[float, float]] = field(default_factory=list)

    def explain(self, at: float, status: int | None) -> bool:
        """Whether a broken line, or an answer of *status*, at that time is to be expected."""
        is_refusal = status in {None, UNAVAILABLE}
        return is_refusal and any(began <= at <= ended for began, ended in self.windows)

    async def strike(self) -> None:
        """One after the other, until it is over."""
        faults: list[Callable[[], Awaitable[str]]] = [self._database, self._provider]
        if len(self.site.pods) > len(self._survivors()):
            faults = [self._service, self._database, self._gateway, self._provider]
        while True:
            for fault in faults:
                if await self._is_over():
                    return
                began = asyncio.get_running_loop().time()
                place = len(self.windows)
                self.windows.append((began, float("inf")))
                name = await fault()
                ended = asyncio.get_running_loop().time()
                self.windows[place] = (began, ended + AFTERMATH_SECONDS)
                self.struck[name] += 1
                print(f"  fault: {name}, {ended - began:.1f} s", flush=True)

    async def _is_over(self) -> bool:
        try:
            async with asyncio.timeout(CALM_SECONDS):
                await self.stop.wait()
        except TimeoutError:
            return False
        return True

    async def _database(self) -> str:
        postmaster = self.site.postmaster()
        for process in (postmaster, *postmaster.children(recursive=True)):
            process.kill()
        await until(lambda: not self.site.postgres.running(), "the database has ended")
        await asyncio.sleep(AWAY_SECONDS)
        await self.site.postgres.restart()
        return "PostgreSQL killed"

    async def _service(self) -> str:
        return await self._kill(is_gateway=False)

    async def _gateway(self) -> str:
        return await self._kill(is_gateway=True)

    async def _kill(self, *, is_gateway: bool) -> str:
        kept = self._survivors()
        candidates = (pod for pod in self.site.pods if pod.is_gateway is is_gateway)
        victim = next(pod for pod in candidates if pod.name not in kept)
        await self.site.kill(victim)
        await self.site.start(victim.role)
        return f"a {'gateway' if is_gateway else 'process with services'} killed"

    async def _provider(self) -> str:
        await self.site.sandbox.weather(**_RAIN)
        await asyncio.sleep(WEATHER_SECONDS)
        await self.site.sandbox.weather()
        return "the payment provider's weather"

    def _survivors(self) -> set[str]:
        """The first process of each kind is never killed."""
        first = {pod.is_gateway: pod.name for pod in reversed(self.site.pods)}
        return set(first.values())
