"""A nats-server of the test's own, or three as one: killed, frozen, retired, and back again."""

import asyncio
import shutil
import signal
import sysconfig
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support import logbook
from tests.support.wait import until

__all__ = ["Nats", "clustered", "found", "running"]

_HOST: Final = "127.0.0.1"
_GREETING: Final = b"INFO "

# A server that retires lets its clients go after so long, one a second at most; thirty seconds are
# the least that it takes for all of them, if there are many.
_SETTINGS: Final = 'lame_duck_grace_period: "500ms"\nlame_duck_duration: "30s"\n'


def found() -> str | None:
    """The program, if it is there."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    return str(beside) if beside.exists() else shutil.which("nats-server")


@dataclass
class Nats:
    """A running nats-server."""

    port: int
    log: Path
    options: Sequence[str] = ()
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
                *(program, "-a", _HOST, "-p", str(self.port), *self.options),
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

    async def retire(self) -> None:
        """Have it say that it goes ("lame duck"), let its clients go, and end."""
        assert self.process is not None
        self.process.send_signal(signal.SIGUSR2)
        await self.process.wait()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def running(port: int, log: Path, options: Sequence[str] = ()) -> AsyncIterator[Nats]:
    """A nats-server as long as the context lasts."""
    nats = Nats(port, log, options)
    await nats.start()
    try:
        yield nats
    finally:
        await nats.kill()


@asynccontextmanager
async def clustered(
    ports: Sequence[int], routes: Sequence[int], folder: Path
) -> AsyncIterator[list[Nats]]:
    """A server at each of *ports* that know each other by *routes*, as long as the context lasts.

    They tell their clients nothing of each other: who knows all of them was told by us, and takes
    the way that we have laid.
    """
    settings = folder / "nats.conf"
    settings.write_text(_SETTINGS)
    others = ",".join(f"nats://{_HOST}:{route}" for route in routes)
    servers = []
    for number, (port, route) in enumerate(zip(ports, routes, strict=True), 1):
        options = (
            *("-c", str(settings), "--name", f"nats{number}", "--cluster_name", "test"),
            *("--cluster", f"nats://{_HOST}:{route}", "--routes", others, "--no_advertise"),
        )
        servers.append(Nats(port, folder / f"nats{number}.log", options))
    try:
        await asyncio.gather(*(each.start() for each in servers))
        yield servers
    finally:
        for each in servers:
            if each.process is not None:
                await each.kill()
