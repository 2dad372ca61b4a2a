"""Reads for pages: SQL on the primary, each within a limited time. They wake no actor."""

from typing import Any, Final

from asyncpg import Pool, QueryCanceledError, Record, TooManyConnectionsError

from actors import UnavailableError
from actors.postgres_session import CONNECTION_LOST, borrowed

__all__ = ["Reads"]

# Waiting for a connection included. A page takes milliseconds; this is an outage.
_SECONDS: Final = 5.0

_UNAVAILABLE: Final = (*CONNECTION_LOST, QueryCanceledError, TooManyConnectionsError)


class Reads:
    """A way to read rows.

    Each method raises `UnavailableError` if the database cannot be reached in time.
    """

    def __init__(self, pool: "Pool[Record]") -> None:
        self._pool = pool

    async def rows(self, sql: str, *arguments: object) -> list[Record]:
        try:
            async with borrowed(self._pool, _SECONDS) as connection:
                return await connection.fetch(sql, *arguments)
        except _UNAVAILABLE as error:
            raise UnavailableError(_WHY) from error

    async def row(self, sql: str, *arguments: object) -> Record | None:
        try:
            async with borrowed(self._pool, _SECONDS) as connection:
                return await connection.fetchrow(sql, *arguments)
        except _UNAVAILABLE as error:
            raise UnavailableError(_WHY) from error

    async def value(self, sql: str, *arguments: object) -> Any:
        row = await self.row(sql, *arguments)
        return None if row is None else row[0]


_WHY: Final = "The database cannot be reached"
