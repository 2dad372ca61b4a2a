"""A nats-server of the test's own: killed, frozen, and back at the same address."""

import asyncio
import shutil
import signal
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support import logbook
from tests.support.wait import until

__all__ = ["Nats", "found", "running"]

_HOST: Final = "127.0.0.1"
_GREETING: Final = b"INFO "


def found() -> str | None:
    """The program, if it is there."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    return str(beside) if beside.exists() else shutil.which("nats-server")


@dataclass
class Nats:
    """A running nats-server."""

    port: int
    log: Path
    process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        return f"{_HOST}:{self.port}"

    async def start(self) -> None:
        """Start it, and wait until it greets."""
        program = found()
        assert program is not None, "there is no nats-server"
        with logbook.writing(self.log) as errors:
            self.process = await asyncio.create_subprocess_exec(
                *(program, "-a", _HOST, "-p", str(self.port)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )
        await until(self._greets, "nats-server greets", every=0.02)

    async def _greets(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(_HOST, self.port)
        except OSError:
            return False
        try:
            return (await reader.read(len(_GREETING))) == _GREETING
        finally:
            writer.close()

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def running(port: int, log: Path) -> AsyncIterator[Nats]:
    """A nats-server as long as the context lasts."""
    nats = Nats(port, log)
    await nats.start()
    try:
        yield nats
    finally:
        await nats.kill()
