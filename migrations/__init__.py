"""The database schema as numbered SQL, and the runner that applies what is missing.

Layout: `NNNN_name.sql` are the steps; `schema.sql` is their sum, for reading, kept true by a test
(`make schema` writes it anew). `python -m migrations` and `ticketing migrate` apply them.

Rules of a step: it is safe while the previous release still runs (add first, remove a release
later), it runs in one transaction, it waits at most 4 seconds for a lock (a waiting `alter table`
blocks everybody behind it), and it is never changed once it was applied anywhere.
"""

import hashlib
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

import asyncpg

FOLDER = Path(__file__).parent

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_SUM = "schema.sql"
_LOCK_KEY = 0x7469636B  # Any number will do, as long as it is always this one ("tick").
_LOCK_TIMEOUT = "4s"  # Requests that queue behind us for longer would be noticed by people.
_STATEMENT_TIMEOUT = "60s"  # A step that takes longer belongs into a background job.
_WAIT_TIMEOUT = "600s"  # For another process that migrates: several steps, each with its limits.

_CREATE_TABLE = """
    create table if not exists schema_migrations (
        number int primary key,
        name text not null,
        sha256 text not null,
        applied_at timestamptz not null default now()
    )
"""


class MigrationError(Exception):
    """The database cannot be brought up to date; the message is one line that says why."""


class Step(NamedTuple):
    """One numbered file."""

    number: int
    name: str
    sql: str
    sha256: str

    @classmethod
    def load(cls, path: Path) -> Self:
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: expected a name like 0001_what_it_adds.sql")
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        return cls(int(match[1]), path.name, content.decode(), digest)


def load(folder: Path = FOLDER) -> list[Step]:
    """The steps of a folder, by number.

    Raises:
        MigrationError: a file name that is none, or a number that is there twice.
    """
    names = (path for path in folder.glob("*.sql") if path.name != _SUM)
    steps = sorted(Step.load(path) for path in names)
    for one, next_one in itertools.pairwise(steps):
        if one.number == next_one.number:
            raise MigrationError(f"{one.name} and {next_one.name} have the same number")
    return steps


async def migrate(connection: asyncpg.Connection, folder: Path = FOLDER) -> list[str]:
    """Applies the steps that the database has not seen, and returns their names.

    Safe to run twice and from two places at once: the second one waits for the first. Steps that a
    newer release has applied are left alone.

    Raises:
        MigrationError: a step failed (and left no trace), or was changed after it was applied.
    """
    assert not connection.is_in_transaction()
    steps = load(folder)
    await connection.execute(f"set statement_timeout = '{_WAIT_TIMEOUT}'")
    await connection.execute("select pg_advisory_lock($1)", _LOCK_KEY)
    try:
        await connection.execute(_CREATE_TABLE)
        missing = _missing(steps, await _applied(connection))
        for step in missing:
            await _apply(connection, step)
    finally:
        if not connection.is_closed():  # Else the lock went with it, and the cause matters more.
            await connection.execute("select pg_advisory_unlock($1)", _LOCK_KEY)
            await connection.execute("reset statement_timeout")
    return [step.name for step in missing]


async def _applied(connection: asyncpg.Connection) -> dict[int, str]:
    rows = await connection.fetch("select number, sha256 from schema_migrations")
    return {row["number"]: row["sha256"] for row in rows}


def _missing(steps: list[Step], applied: Mapping[int, str]) -> list[Step]:
    missing = []
    for step in steps:
        if step.number not in applied:
            missing.append(step)
        elif applied[step.number] != step.sha256:
            raise MigrationError(
                f"{step.name} was changed after it was applied to this database;"
                " undo the change and add a new file instead"
            )
    if missing and missing[0].number < max(applied, default=0):
        raise MigrationError(
            f"{missing[0].name} is missing, but later ones were applied; give it a higher number"
        )
    return missing


async def _apply(connection: asyncpg.Connection, step: Step) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
            await connection.execute(f"set local statement_timeout = '{_STATEMENT_TIMEOUT}'")
            await connection.execute(step.sql)
            await connection.execute(
                "insert into schema_migrations (number, name, sha256) values ($1, $2, $3)",
                step.number,
                step.name,
                step.sha256,
            )
    except asyncpg.PostgresError as problem:
        raise MigrationError(f"{step.name}: {problem}") from problem
