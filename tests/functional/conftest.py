"""One site for all tests that leave it as it is, and others for those that need their own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio

from tests.functional.running_site import Program, Site, running
from tests.support import postgres

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests in the loop that the shared site lives in."""
    in_one_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if item.path.is_relative_to(_HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(in_one_loop, append=False)


class SiteFactory(Protocol):
    """Starts a site of the test's own."""

    async def __call__(self, **settings: Any) -> Site: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(databases: postgres.Databases) -> AsyncIterator[Site]:
    """A site that everybody shares: its users and tickets are the tests' own."""
    dsn = await databases.create()
    with postgres.data_folder() as folder:
        async with running(dsn, folder / "var", rate_limits=False) as site:
            yield site
    await databases.drop(dsn)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def silent_site(databases: postgres.Databases) -> AsyncIterator[Site]:
    """Another one, which the payment provider tells of nothing by itself."""
    dsn = await databases.create()
    with postgres.data_folder() as folder:
        async with running(dsn, folder / "var", rate_limits=False, webhooks=False) as site:
            yield site
    await databases.drop(dsn)


@pytest_asyncio.fixture(loop_scope="session")
async def start_site(databases: postgres.Databases) -> AsyncIterator[SiteFactory]:
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Site:
            dsn = await databases.create()
            stack.push_async_callback(databases.drop, dsn)
            folder = stack.enter_context(postgres.data_folder())
            return await stack.enter_async_context(
                running(dsn, folder / "var", **{"rate_limits": False, **settings})
            )

        yield start


@pytest.fixture(scope="session")
def anybody(site: Site) -> Program:
    return site.program()
