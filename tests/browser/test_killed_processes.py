"""Three processes serve one page. Each is killed in turn, and the page recovers by itself."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Error, expect

from tests.browser import sites
from tests.browser.conftest import Visit
from tests.browser.sites import Site
from tests.browser.test_connection import NO_LUCK
from tests.browser.visitors import Visitor
from tests.support import postgres
from tests.support.wait import until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere connections are not spread over processes"
)

COUNT = 3
BACK_SECONDS = 60.0


@pytest_asyncio.fixture
async def processes(databases: postgres.Databases) -> AsyncIterator[Site]:
    async with sites.running(
        databases, arguments=("--processes", str(COUNT)), TICKETING_LEASE_SECONDS="2"
    ) as site:
        yield site


async def edits(seller: Visitor, ticket: dict[str, Any], title: str) -> bool:
    """Whether that worked: a share of a killed process waits for its take-over."""
    try:
        await seller.call("PUT", f"/api/tickets/{ticket['id']}", {"title": title, "price": 30})
    except (AssertionError, Error):
        return False
    return True


async def test_whichever_process_is_killed_the_page_recovers(processes: Site, visit: Visit) -> None:
    seller, buyer = await visit(at=processes), await visit(at=processes)
    for each in (seller, buyer):
        await each.page.add_init_script(NO_LUCK)
        each.expects("WebSocket", "ERR_", "Failed to load resource", "503")
    ticket = await seller.sells()
    await buyer.opens(f"/tickets/{ticket['id']}", ticket["title"])
    await buyer.is_live()
    for number, process in enumerate(sorted(processes.children())):
        os.kill(process, signal.SIGKILL)
        await until(
            lambda gone=process: len(now := processes.children()) == COUNT and gone not in now,
            "there is another one",
            seconds=BACK_SECONDS,
        )
        await expect(buyer.page.locator("html")).to_have_attribute("data-live", "connected")
        title = f"{ticket['title']}, take {number}"
        await until(
            lambda title=title: edits(seller, ticket, title), "it is edited", seconds=BACK_SECONDS
        )
        await buyer.sees_heading(title)
    await buyer.button("Buy").click()
    await buyer.sees_heading("Checkout")
