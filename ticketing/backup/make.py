"""Making a backup, of a server that runs or of one that does not."""

import asyncio
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from ticketing import generated_keys
from ticketing.backup import file as files
from ticketing.backup import programs
from ticketing.backup.file import BackupError, Manifest, Migration
from ticketing.embedded import EmbeddedPostgres, binaries, home
from ticketing.settings import Settings
from ticketing.vault import Vault

__all__ = ["count_rows", "make", "only_embedded"]

_TABLES: Final = """
select relname from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r' and relpersistence = 'p'
order by relname
"""
_INSTANT: Final = "select now(), current_setting('server_version_num')::int, pg_export_snapshot()"
_MIGRATIONS: Final = "select number, name, sha256 from schema_migrations order by number"


async def make(settings: Settings, path: Path, log: Callable[[str], None]) -> str:
    """Write everything to the new file *path*; a line that says what is in it.

    Raises:
        BackupError: it cannot be made; then there is no file.
        EmbeddedPostgresError: the database cannot be had.

    """
    only_embedded(settings)
    if not home.look_up(settings.data_dir).cluster.exists():
        raise BackupError(f"there is no database in {settings.data_dir.resolve()}")
    settings = generated_keys.fill_in(settings)
    programs_of = binaries.find(settings.postgres_binaries)
    async with await EmbeddedPostgres.open(
        settings.data_dir, log=log, binaries=settings.postgres_binaries
    ) as postgres:
        connection = await asyncpg.connect(postgres.dsn)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                manifest, snapshot = await _look(connection, settings)
                with files.written(path) as archive:
                    await asyncio.to_thread(_dump, archive, programs_of, postgres.dsn, snapshot)
                    _add_the_rest(archive, settings)
                    files.sign_off(archive, manifest)
        finally:
            await connection.close()
    return f"{path}: {manifest.told()}"


def only_embedded(settings: Settings) -> None:
    """Raise `BackupError` if the database is not ours to copy."""
    if settings.database_url:
        raise BackupError(
            "DATABASE_URL: a database of your own is backed up and restored by its own means"
            " (docs/operations.md); this is for the embedded one"
        )


async def count_rows(connection: "asyncpg.Connection[Any]") -> dict[str, int]:
    """How many rows each table has that a crash would not empty."""
    names = [row["relname"] for row in await connection.fetch(_TABLES)]
    counting = 'select count(*) from public."{}"'
    return {name: await connection.fetchval(counting.format(name)) for name in names}


async def _look(connection: "asyncpg.Connection[Any]", settings: Settings) -> tuple[Manifest, str]:
    """What there is at this instant; and the name by which `pg_dump` sees the same."""
    if await connection.fetchval("select to_regclass('schema_migrations')") is None:
        raise BackupError(f"the database in {settings.data_dir.resolve()} is empty")
    row = await connection.fetchrow(_INSTANT)
    assert row is not None
    made_at, server_version, snapshot = row
    manifest = Manifest(
        made_at=made_at,
        release=metadata.version("ticketing"),
        server_version=server_version,
        migrations=tuple(
            msgspec.convert(dict(each), Migration) for each in await connection.fetch(_MIGRATIONS)
        ),
        rows=await count_rows(connection),
        sealed=Vault(settings.data_keys).seal(files.SEALED),
    )
    return manifest, snapshot


def _dump(archive: zipfile.ZipFile, programs_of: Path, dsn: str, snapshot: str) -> None:
    with archive.open(files.DATABASE, "w", force_zip64=True) as member:
        programs.dump(programs_of, dsn, snapshot, member)


def _add_the_rest(archive: zipfile.ZipFile, settings: Settings) -> None:
    """What is not in the database; later than that, as a provider of payments always is."""
    keys = settings.data_dir / files.DATA_KEYS
    if keys.exists():
        archive.write(keys, files.DATA_KEYS)
    books = settings.data_dir / files.SANDBOX
    if settings.has_own_sandbox and books.exists():
        archive.write(books, files.SANDBOX)
