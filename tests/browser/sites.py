"""A server process with a database of its own, that can go and come back."""

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tests.support import postgres
from tests.support.server import Server, start
from tests.support.wait import until
from ticketing import admin

__all__ = ["Site", "running"]


class Site:
    """Where visitors go."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        module: str,
        arguments: Sequence[str] = (),
    ) -> None:
        self._data = folder / "var"
        self.log = folder / "log"
        self._settings = settings
        self._module = module
        self._arguments = arguments
        self._server: Server | None = None
        self.url = ""

    @property
    def dsn(self) -> str:
        """Its database."""
        return self._settings["DATABASE_URL"]

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    async def start(self, port: int = 0) -> None:
        """Let it come (back), on *port* or a free one."""
        settings = {**self._settings, "TICKETING_PORT": str(port)}
        command = (sys.executable, "-m", self._module, "serve")
        self._server = await start(self._data, self.log, settings, self._arguments, command=command)
        self.url = self._server.url

    def children(self) -> set[int]:
        """The processes that serve, if it has several."""
        assert self._server is not None
        return self._server.children()

    async def promote(self, email: str) -> None:
        """Make somebody who has signed up an administrator, in a moment."""
        await admin.change_role(self._settings["DATABASE_URL"], email, "grant")

    async def offers_reset(self, email: str) -> str:
        """The token of a reset link for somebody who has signed up, once the server has it."""
        link = await admin.offer_reset(self.dsn, email, self.url)
        token = link.splitlines()[0].partition("#")[2]
        connection = await asyncpg.connect(self.dsn)
        offered = "select reset_hash is not null from accounts where id = $1"
        try:
            await until(lambda: connection.fetchval(offered, email), "the server has found it")
        finally:
            await connection.close()
        return token

    async def kill(self) -> None:
        """Let it be gone, without a word to anybody."""
        assert self._server is not None
        await self._server.kill()

    async def stop(self) -> None:
        """Let it go in peace, if it is there."""
        if self._server is not None and self._server.process.returncode is None:
            await self._server.stop()


@asynccontextmanager
async def running(
    databases: postgres.Databases,
    *,
    module: str = "ticketing",
    arguments: Sequence[str] = (),
    **settings: str,
) -> AsyncIterator[Site]:
    """A site as long as the context lasts."""
    dsn = await databases.create()
    given = {"DATABASE_URL": dsn, "TICKETING_RATE_LIMITS": "off", **settings}
    with postgres.data_folder() as folder:
        site = Site(folder, given, module, arguments)
        await site.start()
        try:
            yield site
        finally:
            await site.stop()
    await databases.drop(dsn)
