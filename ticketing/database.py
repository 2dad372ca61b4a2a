"""Where the database is: the one that was given, or the embedded one, started or found running."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ticketing.embedded import EmbeddedPostgres, ServeLock
from ticketing.embedded.guard import guarded
from ticketing.settings import Settings

__all__ = ["Database", "for_command", "for_serving"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An address for `asyncpg.connect`. *exclusive*: nobody else can be serving from it."""

    dsn: str
    exclusive: bool
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has ended and cannot be started again, as far as that is up to us."""


@asynccontextmanager
async def for_serving(settings: Settings, log: Callable[[str], None]) -> AsyncIterator[Database]:
    """The database for `ticketing serve`, as long as the context lasts.

    Raises:
        AlreadyServingError: another `serve` runs on the data directory.
        EmbeddedPostgresError: the embedded server cannot be had.

    """
    if settings.database_url:
        yield Database(dsn=settings.database_url, exclusive=False)
        return
    with ServeLock.acquire(settings.data_dir):
        async with (
            await EmbeddedPostgres.open(
                settings.data_dir, log=log, must_own=True, binaries=settings.postgres_binaries
            ) as postgres,
            guarded(postgres, log) as gone,
        ):
            yield Database(dsn=postgres.dsn, exclusive=True, gone=gone)


@asynccontextmanager
async def for_command(settings: Settings, log: Callable[[str], None]) -> AsyncIterator[Database]:
    """The database for a short command: that of a running server, or one started for it.

    Raises:
        EmbeddedPostgresError: the embedded server cannot be had.

    """
    if settings.database_url:
        yield Database(dsn=settings.database_url, exclusive=False)
        return
    async with await EmbeddedPostgres.open(
        settings.data_dir, log=log, binaries=settings.postgres_binaries
    ) as postgres:
        yield Database(dsn=postgres.dsn, exclusive=False)
