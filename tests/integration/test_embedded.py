"""The embedded PostgreSQL: one server a folder, shared, and back after every kind of death.

The processes here are real and are really killed. `fsync` stays on, as in production.
"""

import asyncio
import os
import pwd
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support import postgres, wait
from tests.support.database_user import DatabaseUser
from ticketing.database import DURABLE_BY
from ticketing.embedded import (
    AlreadyServingError,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    ServeLock,
)
from ticketing.embedded import binaries as programs
from ticketing.embedded import home as homes

only_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="concerns root alone")


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """A data directory with a cluster in it, made once because that takes most of a second."""

    async def open_and_close() -> None:
        async with opened(folder / "var"):
            pass

    with postgres.data_folder() as folder:
        asyncio.run(open_and_close())
        yield folder / "var"


@pytest.fixture
def used_dir(initialised: Path, data_dir: Path) -> Path:
    """A data directory of the test's own in which a server has run before."""
    copy(initialised, data_dir)
    return data_dir


def copy(source: Path, target: Path) -> None:
    """Copies a folder with its owners and modes."""
    subprocess.run(["/bin/cp", "-a", source, target], check=True)  # noqa: S603 - our own words


async def query(dsn: str, sql: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@asynccontextmanager
async def opened(data_dir: Path, **options: Any) -> AsyncIterator[EmbeddedPostgres]:
    async with await EmbeddedPostgres.open(data_dir, log=print, **options) as database:
        yield database


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def server_pid(database: EmbeddedPostgres) -> int:
    pid_file = database.home.cluster / "postmaster.pid"
    return int(pid_file.read_text().splitlines()[0])


async def test_a_new_server_is_durable_private_and_keeps_its_data(data_dir: Path) -> None:
    async with opened(data_dir) as database:
        assert database.owner
        shown = {
            name: await query(database.dsn, f"show {name}")
            for name in (*DURABLE_BY, "data_checksums", "listen_addresses", "server_encoding")
        }
        assert shown == {
            **dict.fromkeys(DURABLE_BY, "on"),
            "data_checksums": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }
        assert await query(database.dsn, "select current_database()") == "ticketing"
        assert mode(database.home.sockets) == 0o700
        await query(database.dsn, "create table kept (id int)")
    with pytest.raises((FileNotFoundError, ConnectionRefusedError)):
        await query(database.dsn, "select 1")
    async with opened(data_dir) as database:
        assert await query(database.dsn, "select count(*) from kept") == 0


async def test_a_second_process_uses_the_server_and_leaves_it_running(used_dir: Path) -> None:
    async with opened(used_dir) as database:
        other = await DatabaseUser.start(used_dir)
        assert other.role == "user"
        pid = await query(database.dsn, "select pg_postmaster_start_time()")
        await other.close()
        assert await query(database.dsn, "select pg_postmaster_start_time()") == pid


async def test_an_owner_does_not_stop_the_server_while_another_process_uses_it(
    used_dir: Path,
) -> None:
    database = await EmbeddedPostgres.open(used_dir, log=print)
    other = await DatabaseUser.start(used_dir)
    async with asyncio.TaskGroup() as tasks:
        closing = tasks.create_task(database.close())
        await asyncio.sleep(0)
        assert await other.ask("select 41 + 1") == "42"
        assert not closing.done()
        await other.close()
    assert not (database.home.cluster / "postmaster.pid").exists()


async def test_who_must_own_the_server_outwaits_the_one_who_does(used_dir: Path) -> None:
    short_command = await DatabaseUser.start(used_dir)
    assert short_command.role == "owner"
    async with asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(EmbeddedPostgres.open(used_dir, log=print, must_own=True))
        await asyncio.sleep(0)
        assert await short_command.ask("select 1") == "1"
        assert not opening.done()
        await short_command.close()
    assert opening.result().owner
    await opening.result().close()


async def test_after_kill_9_of_the_owner_the_next_one_starts_at_once_with_all_data(
    used_dir: Path,
) -> None:
    killed = await DatabaseUser.start(used_dir)
    await killed.ask("create table kept as select 7 as id")
    await killed.kill()
    async with opened(used_dir) as database:
        assert database.owner
        assert await query(database.dsn, "select id from kept") == 7


async def test_the_server_dies_with_its_owner(used_dir: Path) -> None:
    killed = await DatabaseUser.start(used_dir)
    home = homes.look_up(used_dir)
    await killed.kill()
    await wait.until(
        lambda: not (home.cluster / "postmaster.pid").exists(), "the orphan has stopped by itself"
    )


async def test_after_kill_9_of_the_server_the_next_one_recovers_all_data(used_dir: Path) -> None:
    async with opened(used_dir) as database:
        await query(database.dsn, "create table kept as select 7 as id")
        os.kill(server_pid(database), signal.SIGKILL)
    async with opened(used_dir) as database:
        assert await query(database.dsn, "select id from kept") == 7


async def test_a_stale_pid_file_with_a_number_that_lives_again_is_not_believed(
    used_dir: Path,
) -> None:
    async with opened(used_dir) as database:
        pid_file = database.home.cluster / "postmaster.pid"
        account = pid_file.stat()
        first, rest = pid_file.read_text().split("\n", 1)
    with bystander(account.st_uid, account.st_gid) as pid:
        pid_file.write_text(f"{pid}\n{rest}")
        os.chown(pid_file, account.st_uid, account.st_gid)
        async with opened(used_dir) as database:
            assert database.owner
            assert server_pid(database) not in (pid, int(first))
            assert await query(database.dsn, "select 1") == 1
        os.kill(pid, 0)  # It was left in peace.


class bystander:  # noqa: N801 - used like a function
    """A process of the server's account that has nothing to do with it; gives its number."""

    def __init__(self, uid: int, gid: int) -> None:
        who: dict[str, Any] = {"user": uid, "group": gid, "extra_groups": []}
        who = who if os.geteuid() == 0 else {}
        self._process = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, cwd="/", **who)

    def __enter__(self) -> int:
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


async def test_a_long_folder_name_moves_only_the_socket(data_dir: Path) -> None:
    data_dir = data_dir / ("long-" * 10) / ("name-" * 10)
    async with opened(data_dir) as database:
        home = database.home
        assert home.folder == data_dir
        assert len(os.fsencode(home.sockets)) < 90
        other = await DatabaseUser.start(data_dir)
        assert other.role == "user"
        await other.close()
    async with opened(data_dir) as database:
        assert database.home == home
        assert await query(database.dsn, "select 1") == 1
    homes.remove(home)


async def test_a_server_that_cannot_start_says_why_and_lets_the_next_one_try(
    used_dir: Path,
) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r'did not start: .*"shared_buffers"'):
        await EmbeddedPostgres.open(used_dir, log=print, server_settings={"shared_buffers": "x"})
    async with opened(used_dir) as database:
        assert await query(database.dsn, "select 1") == 1


async def test_a_creation_that_was_cut_short_is_begun_again(data_dir: Path) -> None:
    (data_dir / "postgres.new").mkdir(parents=True)
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    async with opened(data_dir) as database:
        assert await query(database.dsn, "select 1") == 1


async def test_missing_programs_are_named(data_dir: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="TICKETING_PG_BIN"):
        await EmbeddedPostgres.open(data_dir, log=print, binaries=data_dir)


@pytest.fixture
def closed_folder(data_dir: Path) -> Iterator[Path]:
    """A folder that root alone can enter, like /root."""
    folder = data_dir.parent / "closed"
    folder.mkdir()
    folder.chmod(0o700)
    yield folder
    home = homes.look_up(folder / "var")
    homes.remove(home)


@only_as_root
async def test_as_root_a_folder_that_nobody_can_reach_keeps_its_data_elsewhere(
    closed_folder: Path,
) -> None:
    lines: list[str] = []
    async with await EmbeddedPostgres.open(closed_folder / "var", log=lines.append) as database:
        home = database.home
        assert home.folder.parent == Path("/var/lib")
        assert [str(home.folder) in line for line in lines] == [True]
        assert pwd.getpwuid(home.cluster.stat().st_uid).pw_name == "nobody"
        await query(database.dsn, "create table kept (id int)")
        other = await DatabaseUser.start(closed_folder / "var")
        assert other.role == "user"
        await other.close()
    lines.clear()
    async with await EmbeddedPostgres.open(closed_folder / "var", log=lines.append) as database:
        assert database.home == home
        assert await query(database.dsn, "select count(*) from kept") == 0
    assert lines == []
    assert mode(closed_folder) == 0o700


@only_as_root
async def test_as_root_programs_that_nobody_can_reach_are_copied(
    closed_folder: Path, used_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = programs.find().parents[1]
    hidden = closed_folder / package.name
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            await asyncio.to_thread(copy, folder, closed_folder)
    monkeypatch.setattr(programs, "_package", lambda: hidden)
    lines: list[str] = []
    for _ in range(2):
        async with await EmbeddedPostgres.open(used_dir, log=lines.append) as database:
            assert await query(database.dsn, "select 1") == 1
    assert [line.startswith("copied the programs") for line in lines] == [True]


def test_a_second_serve_on_a_folder_is_refused_with_one_line(data_dir: Path) -> None:
    with (
        ServeLock.acquire(data_dir),
        pytest.raises(AlreadyServingError, match=r"^another `ticketing serve` runs on [^\n]+$"),
    ):
        ServeLock.acquire(data_dir)
    ServeLock.acquire(data_dir).release()
