"""The runner of migrations against a real database, and the schema that they add up to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from migrations import MigrationError, load, migrate, schema
from tests.conftest import DsnFactory


@pytest_asyncio.fixture
async def connections(postgres_dsn_factory: DsnFactory) -> AsyncIterator[list[asyncpg.Connection]]:
    dsn = await postgres_dsn_factory(migrated=False)
    made = [await asyncpg.connect(dsn) for _ in range(2)]
    yield made
    for connection in made:
        await connection.close()


@pytest.fixture
def connection(connections: list[asyncpg.Connection]) -> asyncpg.Connection:
    return connections[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_a.sql").write_text("create table a (id int); insert into a values (1)")
    (tmp_path / "0002_b.sql").write_text("create table b (id int)")
    (tmp_path / "schema.sql").write_text("this is no migration")
    return tmp_path


async def test_missing_steps_are_applied_in_order_and_only_once(
    connection: asyncpg.Connection, folder: Path
) -> None:
    assert await migrate(connection, folder) == ["0001_a.sql", "0002_b.sql"]
    assert await migrate(connection, folder) == []
    (folder / "0010_c.sql").write_text("create table c (id int)")
    assert await migrate(connection, folder) == ["0010_c.sql"]
    assert await connection.fetchval("select count(*) from a") == 1
    assert await connection.fetchval("show statement_timeout") == "0"


async def test_two_at_once_apply_each_step_once(
    connections: list[asyncpg.Connection], folder: Path
) -> None:
    done = await asyncio.gather(*(migrate(connection, folder) for connection in connections))
    assert sorted(done) == [[], ["0001_a.sql", "0002_b.sql"]]


async def test_a_step_that_fails_leaves_no_trace_and_names_itself(
    connection: asyncpg.Connection, folder: Path
) -> None:
    (folder / "0003_c.sql").write_text("create table c (id int); select 1 / 0")
    with pytest.raises(MigrationError, match=r"^0003_c\.sql: division by zero$"):
        await migrate(connection, folder)
    assert await connection.fetchval("select to_regclass('c')") is None
    assert await connection.fetchval("select max(number) from schema_migrations") == 2
    (folder / "0003_c.sql").write_text("create table c (id int)")
    assert await migrate(connection, folder) == ["0003_c.sql"]


async def test_a_step_does_not_wait_long_for_a_lock(
    connection: asyncpg.Connection, folder: Path
) -> None:
    (folder / "0003_c.sql").write_text(
        "create table c as select current_setting('lock_timeout') as a, "
        "current_setting('statement_timeout') as b"
    )
    await migrate(connection, folder)
    assert tuple(await connection.fetchrow("select * from c") or ()) == ("4s", "1min")


async def test_a_step_that_changed_after_it_was_applied_is_refused(
    connection: asyncpg.Connection, folder: Path
) -> None:
    await migrate(connection, folder)
    (folder / "0001_a.sql").write_text("create table a (id bigint)")
    with pytest.raises(MigrationError, match=r"^0001_a\.sql was changed after it was applied"):
        await migrate(connection, folder)


async def test_steps_of_a_newer_release_are_left_alone(
    connection: asyncpg.Connection, folder: Path
) -> None:
    await migrate(connection, folder)
    (folder / "0002_b.sql").unlink()
    assert await migrate(connection, folder) == []


async def test_a_step_below_what_was_applied_is_refused(
    connection: asyncpg.Connection, folder: Path
) -> None:
    (folder / "0001_a.sql").rename(folder / "0005_a.sql")
    await migrate(connection, folder)
    (folder / "0003_c.sql").write_text("create table c (id int)")
    with pytest.raises(MigrationError, match="give it a higher number"):
        await migrate(connection, folder)


def test_a_number_that_is_there_twice_is_refused(folder: Path) -> None:
    (folder / "0002_c.sql").write_text("")
    with pytest.raises(MigrationError, match=r"0002_b\.sql and 0002_c\.sql"):
        load(folder)


def test_a_file_name_without_a_number_is_refused(folder: Path) -> None:
    (folder / "fix.sql").write_text("")
    with pytest.raises(MigrationError, match=r"^fix\.sql: expected a name like"):
        load(folder)


async def test_the_numbered_files_add_up_to_schema_sql(postgres_dsn: str) -> None:
    written = await asyncio.to_thread(schema.FILE.read_text, encoding="utf-8")
    assert await schema.dump(postgres_dsn) == written, "run `make schema` and look at the change"
