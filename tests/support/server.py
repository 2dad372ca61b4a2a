"""A real server: `python -m ticketing serve` as a process, on a free port, always stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from tests.support import logbook

# Ten times what a start takes on a loaded machine: a bound on liveness, not a measurement.
READY_SECONDS = 60.0
STOP_SECONDS = 30.0

COMMAND: Final = (sys.executable, "-m", "ticketing", "serve")


class ServerError(Exception):
    """The server did not start; the message ends with what it logged."""


@dataclass
class Server:
    """A running server."""

    url: str
    process: asyncio.subprocess.Process
    log: Path

    def children(self) -> set[int]:
        """The processes that serve, if it has several."""
        parent = psutil.Process(self.process.pid)
        return {each.pid for each in parent.children() if _is_serving(each)}

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop; its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_SECONDS):
            return await self.process.wait()


def _is_serving(process: psutil.Process) -> bool:
    try:
        return "--shared-port" in process.cmdline()
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return False


async def start(
    data_dir: Path,
    log: Path,
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    *,
    command: Sequence[str] = COMMAND,
) -> Server:
    """Start a server on *data_dir* and wait until it accepts requests.

    *command* is what is run, in front of *arguments*.
    """
    environment = {
        **os.environ,
        "TICKETING_DATA_DIR": str(data_dir),
        "TICKETING_PORT": "0",
        "TICKETING_LOG": "json",
        **(settings or {}),
    }
    with logbook.writing(log) as errors:
        process = await asyncio.create_subprocess_exec(
            *command, *arguments,
            env=environment, stdout=asyncio.subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = (await process.stdout.readline()).decode().strip()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if not line.startswith("ready "):
        await process.wait()
        raise ServerError(f"exited with {process.returncode}:\n{log.read_text()[-3000:]}")
    return Server(line.removeprefix("ready "), process, log)


@asynccontextmanager
async def running(
    data_dir: Path,
    log: Path,
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    *,
    command: Sequence[str] = COMMAND,
) -> AsyncIterator[Server]:
    """A server as long as the context lasts."""
    server = await start(data_dir, log, settings, arguments, command=command)
    try:
        yield server
    finally:
        if server.process.returncode is None:
            await server.stop()
