"""The stage: one durable PostgreSQL with a database for each run, and the processes that use it."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks import market
from migrations import migrate
from ticketing.embedded import EmbeddedPostgres
from ticketing.embedded import home as homes

__all__ = ["KEY", "Process", "Stage", "child", "folder", "process", "stage"]

KEY = "benchmark-key-benchmark-key-benchmark-key"

ENVIRONMENT = {
    **os.environ,
    "JWT_KEY": KEY,
    "TICKETING_RATE_LIMITS": "off",
    "TICKETING_LOG": "json",
    "TICKETING_PORT": "0",
}

MARKET, MARKET_QUICK = 1_000_000, 50_000

# A page of an error log that says why a process did not start, or did not end well.
LOG_SHOWN_CHARACTERS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A server that runs, and how long it took from its start until it was ready."""

    url: str
    pid: int
    start_seconds: float


@dataclass(slots=True, kw_only=True)
class Stage:
    """What all rows share: a folder, a database server, and how much is to be measured."""

    folder: Path
    server: EmbeddedPostgres
    rounds: int
    quick: bool
    _market: str = ""

    @property
    def postmaster(self) -> int:
        """The process that all of the server's are children of."""
        return int((self.server.home.cluster / "postmaster.pid").read_text().split("\n", 1)[0])

    async def market(self) -> tuple[str, int]:
        """The database with a million tickets for sale, made once, and how many they are."""
        count = MARKET_QUICK if self.quick else MARKET
        if not self._market:
            self._market = await self.database("market")
            await market.offer(self._market, count)
        return self._market, count

    async def database(self, name: str) -> str:
        """An empty database with our tables; its address."""
        connection = await asyncpg.connect(self.server.dsn)
        await connection.execute(f"create database {name}")
        await connection.close()
        dsn = self.server.home.dsn(name)
        connection = await asyncpg.connect(dsn)
        await migrate(connection)
        await connection.close()
        return dsn


@asynccontextmanager
async def stage(*, rounds: int, quick: bool) -> AsyncIterator[Stage]:
    """The stage, as long as the context lasts."""
    with folder() as place:
        server = await EmbeddedPostgres.open(place / "var", log=lambda _: None)
        try:
            yield Stage(folder=place, server=server, rounds=rounds, quick=quick)
        finally:
            await server.close()
            homes.remove(server.home)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder on the disk that durable data goes to, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="ticketing-bench-") as name:
        path = Path(name).resolve()
        path.chmod(0o711)  # The database's user, if we are root, goes through it.
        yield path


@asynccontextmanager
async def process(
    folder: Path, name: str, arguments: Sequence[str], settings: dict[str, str]
) -> AsyncIterator[Process]:
    """A server process; its log goes to a file, as in production it goes to a pipe."""
    environment = {**ENVIRONMENT, "TICKETING_DATA_DIR": str(folder / name), **settings}
    began = time.perf_counter()
    with (folder / f"{name}.log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    assert running.stdout is not None
    try:
        line = (await running.stdout.readline()).decode().strip()
        took = time.perf_counter() - began
        if not line.startswith("ready "):
            raise RuntimeError((folder / f"{name}.log").read_text()[-LOG_SHOWN_CHARACTERS:])
        yield Process(url=line.removeprefix("ready "), pid=running.pid, start_seconds=took)
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()


async def child(folder: Path, module: str, *arguments: str) -> Any:
    """Run *module* of this package in a fresh process; the JSON that it printed last."""
    log, printed = folder / f"{module}.log", folder / f"{module}.out"
    # To a file: of one report of 300 KB through a pipe a piece was missing once.
    with log.open("wb") as errors, printed.open("wb") as output:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"benchmarks.{module}", *arguments, env=ENVIRONMENT,
            stdout=output, stderr=errors,
        )  # fmt: skip
        await running.wait()
    if running.returncode:
        raise RuntimeError(log.read_text()[-LOG_SHOWN_CHARACTERS:])
    return json.loads(printed.read_text().splitlines()[-1])
