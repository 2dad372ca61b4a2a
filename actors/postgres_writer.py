"""The one connection of a node that commits.

Never is a commit cancelled: PostgreSQL could then commit what is not replicated yet. A connection
that does not answer is closed, and what came of its last statement nobody knows.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from actors.errors import CommitRefusedError, StoreUnavailableError
from actors.postgres_session import (
    CONNECTION_LOST,
    WRITE_SETTINGS,
    is_refusal,
    noticing_its_end,
    prepare_session,
)

__all__ = ["PostgresWriter"]

# A flush takes milliseconds. One that takes this long is stuck, and what is stuck is unknown.
COMMIT_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 5.0


class PostgresWriter:
    """Connects when there is something to write, and again when the connection was lost."""

    def __init__(self, dsn: str, name: str) -> None:
        self.name = name
        """What its sessions are called in the database."""
        self.pid: int | None = None
        """The backend of the last connection, which may live on after it was lost."""
        self._dsn = dsn
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def execute(self, statement: str, values: Sequence[Any]) -> asyncpg.Record:
        """The one row of *statement*.

        Raises:
            CommitRefusedError: the database refuses its data.
            StoreUnavailableError: it cannot be reached, or did not answer; `executed` says what is
                known of the statement.

        """
        connection = await self._connected()
        running = asyncio.ensure_future(connection.fetchrow(statement, *values))  # noqa: TID251
        done, _ = await asyncio.wait([running], timeout=COMMIT_SECONDS)
        if not done:
            self.close()
        try:
            with noticing_its_end(connection):
                row = await running
        except CONNECTION_LOST as error:
            self.close()
            raise StoreUnavailableError(f"{type(error).__name__}: {error}") from error
        except asyncpg.PostgresError as error:
            if is_refusal(error):
                raise CommitRefusedError(f"{error.sqlstate}: {error}") from error
            raise StoreUnavailableError(f"{error.sqlstate}: {error}", executed="no") from error
        assert row is not None
        return row

    def close(self) -> None:
        """Let go of the connection, whatever it is doing; the next statement makes another."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _connected(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await asyncpg.connect(
                    self._dsn,
                    timeout=CONNECT_SECONDS,
                    statement_cache_size=512,
                    server_settings={"application_name": self.name, **WRITE_SETTINGS},
                )
                async with asyncio.timeout(CONNECT_SECONDS):
                    await prepare_session(self._connection)
            except (*CONNECTION_LOST, asyncpg.PostgresError) as error:
                self.close()
                raise StoreUnavailableError(str(error), executed="no") from error
            self.pid = self._connection.get_server_pid()
        return self._connection
