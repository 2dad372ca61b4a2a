"""Where the database is: the one that was given, or the embedded one, started or found running."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import structlog

from ticketing.embedded import EmbeddedPostgres, ServeLock
from ticketing.embedded.guard import guarded
from ticketing.embedded.server import SETTINGS
from ticketing.settings import Settings, SettingsError

__all__ = ["DURABLE_BY", "Database", "for_command", "for_serving", "refuse_unless_durable"]

log = structlog.get_logger("ticketing.database")

CONNECTIONS_USUAL: Final = int(SETTINGS["max_connections"])
CONNECTIONS_OF_A_PROCESS: Final = 10  # It opens eight at the most.
CONNECTIONS_FOR_COMMANDS: Final = 30

# With one of these off, a power cut takes what was acknowledged, or the whole database.
DURABLE_BY: Final = ("fsync", "full_page_writes", "synchronous_commit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An address for `asyncpg.connect`. *exclusive*: nobody else can be serving from it."""

    dsn: str
    exclusive: bool
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it has ended and cannot be started again, as far as that is up to us."""


@asynccontextmanager
async def for_serving(
    settings: Settings, log: Callable[[str], None], *, processes: int = 1
) -> AsyncIterator[Database]:
    """The database for `ticketing serve` with so many *processes*, as long as the context lasts.

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
                settings.data_dir,
                log=log,
                must_own=True,
                binaries=settings.postgres_binaries,
                server_settings=_room_for(processes),
            ) as postgres,
            guarded(postgres, log) as gone,
        ):
            yield Database(dsn=postgres.dsn, exclusive=True, gone=gone)


def _room_for(processes: int) -> dict[str, str]:
    """What the server needs beyond its usual settings for so many *processes*."""
    wanted = CONNECTIONS_FOR_COMMANDS + CONNECTIONS_OF_A_PROCESS * processes
    return {"max_connections": str(wanted)} if wanted > CONNECTIONS_USUAL else {}


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


async def refuse_unless_durable(connection: asyncpg.Connection, settings: Settings) -> None:
    """Refuse a database that may lose what it has acknowledged, in production; else only warn.

    It is asked as a session of ours sees it, since a role or a database may have settings, too.

    Raises:
        SettingsError: it is production, and something is off that must not be.

    """
    rows = await connection.fetch(
        "select name from pg_settings where name = any($1) and setting = 'off' order by name",
        DURABLE_BY,
    )
    if not rows:
        return
    off = ", ".join(f"{row['name']}=off" for row in rows)
    if settings.env == "production":
        expected = f"a database with {', '.join(DURABLE_BY)} on (TICKETING_ENV=production)"
        raise SettingsError("DATABASE_URL", expected, off)
    log.warning("database.not_durable", off=off)
