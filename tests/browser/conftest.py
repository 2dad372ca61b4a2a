"""One browser and one site for all tests; people of its own for each.

A test that fails leaves a picture and a trace of each page, and what the server logged, in a folder
that its report names; `playwright show-trace FILE` shows a trace.
"""

import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, expect

from tests.browser import scenes
from tests.browser.browsers import SECONDS, Desk, launched
from tests.browser.sites import Site, running
from tests.browser.till import Till, at_till
from tests.browser.visitors import Visitor
from tests.support import chromium, postgres

_HERE = Path(__file__).parent
_HAS_FAILED = pytest.StashKey[bool]()

expect.set_options(timeout=SECONDS * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests in the loop that the shared browser lives in."""
    in_one_loop = pytest.mark.asyncio(loop_scope="session")
    there_is_one = pytest.mark.skipif(
        chromium.PROGRAM is None, reason="there is no Chromium on this machine"
    )
    for item in items:
        if item.path.is_relative_to(_HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(in_one_loop, append=False)
            item.add_marker(there_is_one)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the fixtures know how the test ended."""
    report = yield
    item.stash[_HAS_FAILED] = item.stash.get(_HAS_FAILED, False) or report.failed
    return report


@dataclass(frozen=True)
class Shop:
    """A site with a scene."""

    site: Site
    scene: scenes.Scene


class Visit(Protocol):
    """Brings somebody new to the site, signed in unless said otherwise.

    They sit down where somebody sat before, whose cache has the site's files, unless they ask for
    a *new desk* - as do all who change something of it - or for one with *options* (`Desk.made`).
    """

    async def __call__(
        self,
        *,
        at: Site | None = None,
        signed_in: bool = True,
        new_desk: bool = False,
        **options: Any,
    ) -> Visitor: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(databases: postgres.Databases) -> AsyncIterator[Site]:
    """A server that everybody shares: its users and tickets are the tests' own."""
    async with running(databases) as site:
        yield site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(databases: postgres.Databases, browser: Browser) -> AsyncIterator[Shop]:
    """A server with something of everything in it, for those who look."""
    async with running(databases) as site:
        yield Shop(site, await scenes.made(browser, site))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hasty_site(databases: postgres.Databases) -> AsyncIterator[Site]:
    """One where reservations soon end, and which may be restarted."""
    async with running(databases, TICKETING_RESERVATION_SECONDS="5") as site:
        yield site


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def free_desks() -> list[Desk]:
    """Those that nobody sits at: making one and filling its cache takes most of a second."""
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def visit(
    request: pytest.FixtureRequest, browser: Browser, site: Site, free_desks: list[Desk]
) -> AsyncIterator[Visit]:
    visitors: list[Visitor] = []
    sites = {site}
    reusable: list[Desk] = []

    async def begin(
        *, at: Site | None = None, signed_in: bool = True, new_desk: bool = False, **options: Any
    ) -> Visitor:
        there = at or site
        sites.add(there)
        if free_desks and not new_desk and not options:
            desk = free_desks.pop()
        else:
            desk = await Desk.made(browser, **options)
            await desk.context.tracing.start(snapshots=True)
        if not new_desk and not options:
            reusable.append(desk)
        await desk.context.tracing.start_chunk()
        visitor = Visitor(there.url, desk, await desk.page())
        visitors.append(visitor)
        if signed_in:
            await visitor.signs_up()
        return visitor

    yield begin
    complaints = [said for visitor in visitors for said in visitor.unexpected]
    has_failed = bool(complaints) or request.node.stash.get(_HAS_FAILED, False)
    if has_failed:
        await _keep_what_was_seen(request.node.name, visitors, sites)
    for desk in (visitor.desk for visitor in visitors):
        if has_failed or desk not in reusable:
            await desk.context.close()
        else:
            await desk.context.tracing.stop_chunk()
            await desk.clear()
            free_desks.append(desk)
    assert complaints == [], "a page complained"


async def _keep_what_was_seen(name: str, visitors: list[Visitor], sites: set[Site]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ticketing-browser-"))
    for site in sites:
        shutil.copy(site.log, folder / f"server-{site.port}.log")
    for number, visitor in enumerate(visitors, 1):
        stem = f"{re.sub('[^a-z0-9]+', '-', name)}-{number}"
        print(f"visitor {number} was at {visitor.page.url}")
        for said in visitor.desk.complaints:
            print(f"visitor {number}'s page complained: {said}")
        await visitor.desk.context.tracing.stop_chunk(path=folder / f"{stem}.zip")
        try:
            await visitor.page.screenshot(path=folder / f"{stem}.png", full_page=True)
        except Error as error:  # A page that hangs is no reason to say less of the others.
            print(f"no picture: {error}")
    print(f"pictures, traces and logs: {folder}")


@pytest_asyncio.fixture(loop_scope="session")
async def till(tmp_path: Path, browser: Browser) -> AsyncIterator[Till]:
    """A shop's page with the card's fields."""
    async with at_till(tmp_path, browser) as made:
        yield made
