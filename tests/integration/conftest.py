"""A healthy market and copies of it to break, for `fsck`; a teller in front of a sandbox."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest_asyncio

from tests.support import market as markets
from tests.support import postgres
from tests.support.market import Market, Meddler
from tests.support.teller import Desk, at_desk
from ticketing.payments.sandbox import running_sandbox

_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def healthy(databases: postgres.Databases) -> AsyncIterator[Market]:
    """A market that nobody changes: the others are copies of it."""
    dsn = await databases.create()
    with postgres.data_folder() as folder:
        yield await markets.make(dsn, folder / "var")
    await databases.drop(dsn)


@pytest_asyncio.fixture(loop_scope="session")
async def meddler(healthy: Market) -> AsyncIterator[Meddler]:
    """Who may do what he likes with a copy."""
    name = f"market_{next(_numbers)}"
    original = healthy.dsn.split("?", 1)[0].rsplit("/", 1)[1]
    server = await asyncpg.connect(healthy.dsn.replace(f"/{original}", "/postgres", 1))
    await server.execute(f"create database {name} template {original} strategy file_copy")
    dsn = healthy.dsn.replace(f"/{original}", f"/{name}", 1)
    connection = await asyncpg.connect(dsn)
    try:
        yield Meddler(replace(healthy, dsn=dsn), connection)
    finally:
        await connection.close()
        await server.execute(f"drop database {name} with (force)")
        await server.close()


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with running_sandbox(tmp_path) as base_url, at_desk(base_url) as made:
        yield made
