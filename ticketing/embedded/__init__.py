"""The embedded PostgreSQL 18: started by the first who needs it, shared by those who come later.

One process owns the server: it started it, it stops it, and on Linux the server dies with it, also
after kill -9. Others on the same data directory (`ticketing fsck` while `serve` runs) find it and
use it. Three locks say who is who; the system drops them with their holder:

| file in the data directory | held by | says |
|---|---|---|
| `serve.lock` | `ticketing serve`, alone | there is one `serve` on this folder |
| `postgres.lock` | the owner, alone, from before start until after stop | whose server it is |
| `postgres.users` | every other user, together | somebody would miss the server |

Opening is one loop: take `postgres.lock` and be the owner; or, if it is taken, use the owner's
server once it answers. An owner first ends what a killed predecessor left behind (on Linux that is
dying already; on macOS it lives on, unowned), then starts its own: so an owner's server is always
its own child. `serve` opens with `must_own`: it waits for a short command to finish instead of
using that command's server, so that its database never depends on another process.

A server that ends under `serve` is started again by its guard (`ticketing.embedded.guard`).

Closing, an owner waits until it gets `postgres.users` for itself, that is until no other command
uses the server, but not for ever: then it stops the server, and the other command fails with a lost
connection. A command that uses the server must therefore be short, or `serve`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Self

from ticketing.embedded import home as homes
from ticketing.embedded import server as servers
from ticketing.embedded.binaries import EmbeddedPostgresError as EmbeddedPostgresError
from ticketing.embedded.file_lock import FileLock, Hold
from ticketing.embedded.home import Home
from ticketing.embedded.server import Answer, Report, Server

_USERS_SECONDS = 10.0  # How long a closing owner waits for others; below what `docker stop` grants.


class AlreadyServingError(Exception):
    """Another `ticketing serve` runs on the data directory; the message is one line."""


class ServeLock:
    """Held by `ticketing serve`: whoever gets it knows that the predecessor is dead."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    @classmethod
    def acquire(cls, data_dir: Path) -> Self:
        """Takes the lock at once or not at all; the data directory is created when missing.

        Raises:
            AlreadyServingError: another process holds it.
        """
        lock = FileLock.try_acquire(data_dir / "serve.lock", Hold.ALONE)
        if lock is None:
            raise AlreadyServingError(
                f"another `ticketing serve` runs on {data_dir.resolve()};"
                " stop it, or choose another folder with TICKETING_DATA_DIR"
            )
        return cls(lock)

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class EmbeddedPostgres:
    """PostgreSQL 18 in the data directory, started by us or found running.

    `dsn` is for `asyncpg.connect`: a UNIX socket, the database `ticketing`, the role `ticketing`,
    which may do everything. Use it as an `async with` block, or await `close`.
    """

    def __init__(
        self,
        home: Home,
        lock: FileLock,
        log: Callable[[str], None],
        server: Server | None = None,
        start: Callable[[], Awaitable[Server]] | None = None,
    ) -> None:
        self.home = home
        self.dsn = home.dsn()
        self._data_dir = home.log_file.parent
        self._lock = lock
        self._server = server
        self._start_server = start
        self._log = log

    @property
    def owner(self) -> bool:
        """Whether this process started the server and will stop it."""
        return self._server is not None

    def running(self) -> bool:
        """Whether the server that this process started is still there."""
        return self._server is not None and self._server.running()

    async def restart(self) -> None:
        """Starts the server anew after it has ended by itself; only for its owner.

        Raises:
            EmbeddedPostgresError: it does not start; the message says why.
        """
        assert self._start_server is not None, "another process owns the server"
        self._server = await self._start_server()

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        *,
        log: Callable[[str], None],
        must_own: bool = False,
        binaries: Path | None = None,
        server_settings: Mapping[str, str] | None = None,
    ) -> Self:
        """Starts the server of a data directory, or finds it running; waits until it is ready.

        A recovery after a crash may take minutes: `log` gets a line every few seconds. Only from
        the main thread, because the server's life hangs on the thread that starts it.

        Args:
            data_dir: created when missing.
            log: takes one line for people.
            must_own: wait for another owner to end instead of using its server.
            binaries: the folder of PostgreSQL's programs, else those of the package.
            server_settings: more settings, or others, for the server we may start.

        Raises:
            EmbeddedPostgresError: it cannot be had; the message says why.
        """
        report = Report(log)
        try:
            while True:
                lock = FileLock.try_acquire(data_dir / "postgres.lock", Hold.ALONE)
                if lock is not None:
                    return await cls._start(data_dir, lock, log, binaries, server_settings or {})
                if not must_own and (found := await cls._join(data_dir, log)):
                    return found
                await report.pause("another ticketing command that uses the database")
        except PermissionError as problem:
            raise EmbeddedPostgresError(
                f"{problem.filename} is another user's; start ticketing as that user,"
                " or choose another folder with TICKETING_DATA_DIR"
            ) from None

    @classmethod
    async def _start(
        cls,
        data_dir: Path,
        lock: FileLock,
        log: Callable[[str], None],
        binaries: Path | None,
        server_settings: Mapping[str, str],
    ) -> Self:
        try:
            home, tools = await asyncio.to_thread(homes.settle, data_dir, binaries, log)
            durable = server_settings.get("fsync") != "off"
            await servers.initialise(home, tools, durable=durable)
            start = partial(servers.start, home, tools, server_settings, log)
            server = await start()
        except BaseException:
            lock.release()
            raise
        return cls(home, lock, log, server, start)

    @classmethod
    async def _join(cls, data_dir: Path, log: Callable[[str], None]) -> Self | None:
        """Uses the server of another process, if there is one and it is ready."""
        home = homes.look_up(data_dir)
        lock = FileLock.try_acquire(data_dir / "postgres.users", Hold.TOGETHER)
        if lock is None:
            return None  # The owner is about to stop the server.
        try:
            # Asked with the lock in hand: from here on the owner waits for us.
            ready = await servers.probe(home) is Answer.READY
        except BaseException:
            lock.release()
            raise
        if not ready:
            lock.release()
            return None
        return cls(home, lock, log)

    async def close(self) -> None:
        """Lets go of the server; its owner stops it, at the latest 10 s after asked. May repeat."""
        try:
            if self._server is not None:
                await self._stop(self._server)
        finally:
            self._lock.release()

    async def _stop(self, server: Server) -> None:
        report = Report(self._log)
        path = self._data_dir / "postgres.users"
        while (alone := FileLock.try_acquire(path, Hold.ALONE)) is None:
            if report.seconds > _USERS_SECONDS:
                self._log("stopping the database although another command still uses it")
                break
            await report.pause("another ticketing command that uses the database")
        try:
            await server.stop(self._log)
        finally:
            if alone is not None:
                alone.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
