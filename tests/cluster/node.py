"""A node as a process of its own, started through the command line: at an address, again and again.

One that ends by itself is started again, as whoever runs such processes does.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

import aiohttp

from tests.cluster.chaos_proxy import Line
from tests.cluster.clocks import SteppedClock
from tests.support import logbook
from tests.support.wait import until
from ticketing.embedded.home import DATABASE, ROLE

__all__ = ["EVERYTHING", "HOST", "REPOSITORY", "Node"]

EVERYTHING: Final = "all"
HOST: Final = "127.0.0.1"
REPOSITORY: Final = Path(__file__).parents[2]

# A start takes two seconds, or ten when several start on two cores.
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0

# From the end of a process that was wanted to the start of the next.
AGAIN_SECONDS: Final = 0.1


@dataclass
class Node:
    """One place where a node runs: an address, and one process after the other."""

    name: str
    port: int
    services: str
    settings: Mapping[str, str]
    log: Path
    http: aiohttp.ClientSession
    database: Line
    nats: Sequence[Line]
    """One to each nats-server; none if there is none."""
    clock: SteppedClock
    command: Sequence[str] = ("-m", "ticketing")
    id: str = ""
    """Which node the first process is, by its row; only if they were started one by one."""
    starts: int = 0
    ends: int = 0
    """How often a process has ended that nobody had asked to."""
    process: asyncio.subprocess.Process | None = None
    is_wanted: bool = False

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        """Start a process; `ready` waits until it serves."""
        self.is_wanted = True
        self.starts += 1
        environment = {
            **os.environ,
            **self.settings,
            **self.clock.environment,
            "TICKETING_PORT": str(self.port),
            "DATABASE_URL": (
                f"postgresql://{ROLE}@{HOST}:{self.database.port}/{DATABASE}?sslmode=disable"
            ),
        }
        if self.nats:
            environment["NATS_URL"] = ",".join(f"nats://{HOST}:{line.port}" for line in self.nats)
        roles = [] if self.services == EVERYTHING else ["--services", self.services]
        with logbook.writing(self.log) as errors:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, *self.command, "serve", *roles),
                cwd=REPOSITORY,
                env=environment,
                stdout=errors,
                stderr=errors,
            )

    async def keep(self) -> None:
        """Start it again whenever it has ended though it is wanted."""
        while True:
            process = self.process
            assert process is not None
            await process.wait()
            if self.is_wanted and self.process is process:
                self.ends += 1
                await asyncio.sleep(AGAIN_SECONDS)
                await self.start()
            else:
                # It stays away as long as the test likes.
                await until(
                    lambda was=process: self.process is not was, "a new process", seconds=inf
                )

    async def is_ready(self) -> bool:
        """Whether it says so; what it says otherwise is in `why`."""
        return await self.why() is None

    async def why(self) -> str | None:
        """Why it is not ready; None if it is."""
        try:
            async with self.http.get(
                f"{self.url}/readyz", timeout=aiohttp.ClientTimeout(total=2)
            ) as answer:
                return None if answer.status == 200 else await answer.text()
        except (aiohttp.ClientError, OSError) as error:
            return repr(error)

    async def ready(self, seconds: float = READY_SECONDS) -> None:
        await until(self.is_ready, f"{self.name} is ready", seconds=seconds, every=0.02)

    async def kill(self) -> None:
        """End it as a power cut would; it stays away until it is started."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask it to stop; its exit status."""
        return await self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Nothing of it moves until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    async def _end(self, number: signal.Signals) -> int:
        self.is_wanted = False
        assert self.process is not None
        self._signal(number)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"{self.name} did not stop in {STOP_SECONDS} s") from None

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
