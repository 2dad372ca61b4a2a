"""`python -m migrations` applies what is missing; `python -m migrations schema` writes schema.sql.

The database is that of DATABASE_URL, else the embedded one, whether `ticketing serve` runs or not.
"""

import asyncio
import os
import sys

import asyncpg

from migrations import MigrationError, migrate, schema
from ticketing.embedded import EmbeddedPostgres, EmbeddedPostgresError
from ticketing.settings import Settings, SettingsError


async def _migrate(settings: Settings) -> None:
    if settings.database_url:
        await _apply(settings.database_url)
        return
    async with await EmbeddedPostgres.open(
        settings.data_dir, log=_say, binaries=settings.postgres_binaries
    ) as database:
        await _apply(database.dsn)


async def _apply(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        names = await migrate(connection)
    finally:
        await connection.close()
    _say("\n".join(f"applied {name}" for name in names) or "nothing to apply")


async def _write_schema(settings: Settings) -> None:
    text = await schema.of_migrations(_say, settings.postgres_binaries)
    await asyncio.to_thread(schema.FILE.write_text, text, encoding="utf-8")
    _say(f"wrote {schema.FILE.name}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Runs the command; 1 if it failed, with one line that says why, 2 if there is no such."""
    if arguments not in ([], ["schema"]):
        _say("usage: python -m migrations [schema]")
        return 2
    try:
        settings = Settings.from_env(os.environ)
        asyncio.run(_write_schema(settings) if arguments else _migrate(settings))
    except (SettingsError, EmbeddedPostgresError, MigrationError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
