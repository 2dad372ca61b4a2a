"""Fixtures for everybody: databases; and the logs of the whole run, which the last test reads.

`postgres_dsn` is the address of a migrated database of the test's own; `postgres_dsn_factory` makes
as many as are wanted, also empty ones.
"""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from tests.support import logbook, postgres
from ticketing import logs

logs.configure("json")  # As a server that is not on a terminal does; pytest shows it on failure.


_LOGS = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    # What fails in what these tests are made of is shown as what fails in a test.
    pytest.register_assert_rewrite("tests.cluster", "tests.crash", "tests.money")
    folder = tempfile.TemporaryDirectory(prefix="ticketing-logs-")
    config.stash[_LOGS] = folder
    logbook.collect_in(Path(folder.name))


def pytest_unconfigure(config: pytest.Config) -> None:
    logbook.collect_in(None)
    config.stash[_LOGS].cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What reads the logs of all tests comes after them.
    items.sort(key=lambda item: item.path.name == "test_no_secrets_in_logs.py")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":  # By then it has what all three phases said.
        logbook.note(report.nodeid, (text for _, text in report.sections))


@pytest.fixture
def session_logs(pytestconfig: pytest.Config) -> Path:
    """The folder with all that was logged since the run began."""
    return Path(pytestconfig.stash[_LOGS].name)


class DsnFactory(Protocol):
    """Makes a database for this test and returns its address."""

    def __call__(self, *, migrated: bool = True) -> Awaitable[str]: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def databases() -> AsyncIterator[postgres.Databases]:
    async with postgres.databases() as made:
        yield made


@pytest_asyncio.fixture
async def postgres_dsn_factory(databases: postgres.Databases) -> AsyncIterator[DsnFactory]:
    made: list[str] = []

    async def create(*, migrated: bool = True) -> str:
        made.append(await databases.create(migrated=migrated))
        return made[-1]

    yield create
    for dsn in made:
        await databases.drop(dsn)


@pytest_asyncio.fixture
async def postgres_dsn(postgres_dsn_factory: DsnFactory) -> str:
    return await postgres_dsn_factory()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with postgres.data_folder() as folder:
        yield folder / "var"
