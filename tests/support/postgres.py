"""Databases for tests: one embedded server a session, one migrated template, a copy a test."""

import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg

from migrations import migrate
from tests.support import logbook
from ticketing.embedded import EmbeddedPostgres
from ticketing.embedded import home as homes
from ticketing.settings import Settings

FAST = {
    "fsync": "off",  # Nothing here has to survive a power cut. Crash tests keep their fsync.
    "full_page_writes": "off",
    "autovacuum": "off",  # It would look into the template while that is copied.
    "max_connections": "100",
}

_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
_ROOMY_BYTES = 2_000_000_000
_TEMPLATE = "template_migrated"


@contextmanager
def data_folder() -> Iterator[Path]:
    """An empty folder with a short name that the server's account can reach, removed afterwards.

    It is in memory where that is possible: tests kill processes, never the power. pytest's own
    `tmp_path` can be entered by its owner alone, so that as root the database would have to live
    elsewhere.
    """
    parent = _MEMORY if _is_roomy(_MEMORY) else None
    folder = Path(tempfile.mkdtemp(prefix="ticketing-test-", dir=parent)).resolve()
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        logbook.keep(folder)
        shutil.rmtree(folder)


def _is_roomy(folder: Path) -> bool:
    """Whether programs and a few clusters of 50 MB fit in; a container's default is 64 MB."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    is_free = found.f_bavail * found.f_frsize > _ROOMY_BYTES
    return is_free and not found.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK)


class Databases:
    """Hands out databases that are copies of the migrated template."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._numbers = itertools.count(1)

    async def prepare(self) -> None:
        """Makes the template, once."""
        await self._execute(f"create database {_TEMPLATE}")
        connection = await asyncpg.connect(self._server.home.dsn(_TEMPLATE))
        try:
            await migrate(connection)
        finally:
            await connection.close()

    async def create(self, *, migrated: bool = True) -> str:
        """A new database, by its address; empty if it is not to be migrated."""
        name = f"test_{next(self._numbers)}"
        template = _TEMPLATE if migrated else "template0"
        await self._execute(f"create database {name} template {template} strategy file_copy")
        return self._server.home.dsn(name)

    async def drop(self, dsn: str) -> None:
        """Removes a database, whoever is still connected."""
        name = dsn.split("?", 1)[0].rsplit("/", 1)[1]
        await self._execute(f"drop database {name} with (force)")

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self._server.home.dsn("postgres"))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@asynccontextmanager
async def databases() -> AsyncIterator[Databases]:
    """The server of a test session, stopped and removed whatever happens."""
    binaries = Settings.from_env({**os.environ}).postgres_binaries
    with data_folder() as folder:
        server = await EmbeddedPostgres.open(
            folder, log=print, binaries=binaries, server_settings=FAST
        )
        try:
            made = Databases(server)
            await made.prepare()
            yield made
        finally:
            await server.close()
            homes.remove(server.home)
