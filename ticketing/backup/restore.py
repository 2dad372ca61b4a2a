"""Restoring: beside what is there, checked, and only then in its place."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg

from migrations import load, migrate
from ticketing import durable_file
from ticketing.backup import file as files
from ticketing.backup import programs
from ticketing.backup.file import Backup, BackupError, Manifest
from ticketing.backup.make import count_rows, only_embedded
from ticketing.embedded import EmbeddedPostgres, ServeLock, binaries
from ticketing.embedded.home import DATABASE
from ticketing.settings import Settings
from ticketing.vault import SealBrokenError, Vault

__all__ = ["restore"]

# Where it is restored to, and where the former one is until it is dropped.
_NEW: Final = f"{DATABASE}_restored"
_OLD: Final = f"{DATABASE}_replaced"

# What was promised to the processes of before is over: none of them may go on, and whatever they
# still commit is of an epoch that has passed.
_BURY: Final = """
update node set state = 'dead' where state <> 'dead';
update partition set owner = null, epoch = epoch + 1;
"""

# The database has forgotten who signed out everywhere, and who changed their password, since.
_SESSIONS: Final = ("jwt", "session")


async def restore(
    settings: Settings, path: Path, *, replace: bool, log: Callable[[str], None]
) -> str:
    """Put what is in the file *path* where the database is; lines that say what was done.

    Args:
        settings: the data folder may be empty or missing.
        path: a backup.
        replace: a database that is there already is given up for it.
        log: takes a line for people.

    Raises:
        BackupError: it cannot be restored; all is as it was.
        AlreadyServingError: a server runs on the data folder.
        EmbeddedPostgresError: there is no server to restore to.

    """
    only_embedded(settings)
    with files.opened(path) as backup:
        _refuse_unless_readable(path, backup.manifest)
        data_keys = _data_keys(settings, backup)
        with ServeLock.acquire(settings.data_dir):
            async with await EmbeddedPostgres.open(
                settings.data_dir, log=log, must_own=True, binaries=settings.postgres_binaries
            ) as postgres:
                await _refuse_unless_empty(postgres.dsn, replace=replace)
                await _fill(postgres, backup, binaries.find(settings.postgres_binaries))
                _keep_keys(settings, data_keys)
                await _swap(postgres)
            told = [
                f"restored {path}: {backup.manifest.told()}; what came later is lost",
                _end_sessions(settings),
            ]
            told += _restore_sandbox(settings, backup)
    return "\n".join(told)


def _refuse_unless_readable(path: Path, manifest: Manifest) -> None:
    """A newer release may have changed what we would not know of."""
    known = {step.number: step.sha256 for step in load()}
    for step in manifest.migrations:
        if known.get(step.number) != step.sha256:
            raise BackupError(
                f"{path}: made by release {manifest.release}, whose {step.name} this one does not"
                " know; restore with that release or a newer one"
            )


def _data_keys(settings: Settings, backup: Backup) -> str:
    """The keys for what is sealed: those that are here, and those that came along."""
    text = _text_of(settings.data_dir / files.DATA_KEYS)
    given = settings.data_keys or tuple(filter(None, text.split(",")))
    came = () if settings.data_keys else (backup.text(files.DATA_KEYS) or "").strip().split(",")
    keys = tuple(dict.fromkeys(filter(None, (*given, *came))))
    try:
        if keys and Vault(keys).open(backup.manifest.sealed) == files.SEALED:
            return ",".join(keys)
    except SealBrokenError:
        pass
    raise BackupError(
        "TICKETING_DATA_KEYS: expected the keys that were given when the backup was made"
        " (what sellers deliver is sealed with them), got others or none"
    )


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


async def _refuse_unless_empty(dsn: str, *, replace: bool) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        if replace or await connection.fetchval("select to_regclass('schema_migrations')") is None:
            return
        rows = await count_rows(connection)
    finally:
        await connection.close()
    counts = ", ".join(
        f"{rows.get(name, 0):,} {name}" for name in ("accounts", "tickets", "orders")
    )
    raise BackupError(f"there is a database already ({counts}); --replace gives it up")


async def _fill(postgres: EmbeddedPostgres, backup: Backup, programs_of: Path) -> None:
    """Restore to a database beside the one that is there, and hold it against the manifest."""
    await _execute(postgres, f"drop database if exists {_NEW}", f"create database {_NEW}")
    dsn = postgres.home.dsn(_NEW)
    with backup.archive.open(files.DATABASE) as member:
        await asyncio.to_thread(programs.restore, programs_of, dsn, member)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await count_rows(connection)
        if rows != backup.manifest.rows:
            raise BackupError(f"expected the rows {backup.manifest.rows}, got {rows}")
        await connection.execute(_BURY)
        await migrate(connection)
        await connection.execute("analyze")
    finally:
        await connection.close()


async def _swap(postgres: EmbeddedPostgres) -> None:
    """The restored one takes the place of the other: at one instant, whatever happens meanwhile."""
    await _execute(postgres, f"drop database if exists {_OLD} with (force)")
    await _execute(
        postgres,
        f"begin; alter database {DATABASE} rename to {_OLD};"
        f" alter database {_NEW} rename to {DATABASE}; commit",
    )
    await _execute(postgres, f"drop database {_OLD} with (force)")


async def _execute(postgres: EmbeddedPostgres, *statements: str) -> None:
    connection = await asyncpg.connect(postgres.home.dsn("postgres"))
    try:
        for each in statements:
            await connection.execute(each)
    finally:
        await connection.close()


def _keep_keys(settings: Settings, data_keys: str) -> None:
    if settings.data_keys:
        return
    path = settings.data_dir / files.DATA_KEYS
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _text_of(path) != data_keys:
        durable_file.replace(path, f"{data_keys}\n")


def _end_sessions(settings: Settings) -> str:
    """Have new keys made at the next start, so that everybody signs in again."""
    settings_of = {"JWT_KEY": settings.jwt_key, "SESSION_KEYS": settings.session_keys}
    given = [name for name, value in settings_of.items() if value]
    for name in _SESSIONS:
        (settings.data_dir / "keys" / name).unlink(missing_ok=True)
    if given:
        return f"everybody should sign in again: change {' and '.join(given)} before the next start"
    return "everybody signs in again: the keys of sessions are new"


def _restore_sandbox(settings: Settings, backup: Backup) -> list[str]:
    """The sandbox's books, if they are lost. Else they are newer, as those of a real provider."""
    books = backup.text(files.SANDBOX)
    path = settings.data_dir / files.SANDBOX
    if books is None or path.exists() or not settings.has_own_sandbox:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    durable_file.create(path, books)
    return ["the payment sandbox has the books of the backup"]
