"""Fixtures of the store contract: the same database of counters, in memory and in PostgreSQL."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from actors import Store
from tests.conftest import DsnFactory
from tests.support import postgres_world, stores
from tests.support.postgres_world import PostgresWorld
from tests.support.stores import Maker, World


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def world(
    request: pytest.FixtureRequest, postgres_dsn_factory: DsnFactory
) -> AsyncIterator[World]:
    if request.param == "memory":
        async with stores.memory() as made:
            yield made
    else:
        async with postgres_world.postgres(await postgres_dsn_factory()) as made:
            yield made


@pytest.fixture
def store(world: World) -> Store:
    return world.store


@pytest.fixture
def make(world: World) -> Maker:
    return Maker(world)


@pytest_asyncio.fixture
async def postgres(postgres_dsn: str) -> AsyncIterator[PostgresWorld]:
    async with postgres_world.postgres(postgres_dsn) as made:
        yield made
