"""Fixtures for everybody: databases.

`postgres_dsn` is the address of a migrated database of the test's own; `postgres_dsn_factory` makes
as many as are wanted, also empty ones.
"""

from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from tests.support import postgres
from ticketing import logs

logs.configure("json")  # As a server that is not on a terminal does; pytest shows it on failure.


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
