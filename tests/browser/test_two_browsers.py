"""What one person does, another sees at once: two browsers side by side on one ticket."""

import asyncio
import re
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any

from playwright.async_api import Locator, expect

from actors import SystemClock
from tests.browser.browsers import SECONDS
from tests.browser.conftest import Visit
from tests.browser.sites import Site
from tests.browser.visitors import GOOD_CARD, Visitor

HOUR = timedelta(hours=1)

# Told by the page itself: asking it again and again would measure the pauses in between.
SHOWN = """
(element, status) => new Promise((resolve) => {
  const look = () => element.dataset.status === status && resolve(true);
  new MutationObserver(look).observe(element, { attributes: true });
  look();
})
"""


async def measured(
    what: str, watcher: Visitor, ticket: dict[str, Any], status: str, act: Awaitable[None]
) -> None:
    """Do it; print how long it takes until *watcher* sees *status*, counted from its start."""
    element = watcher.ticket(ticket)
    await expect(element).to_be_visible()
    clock = asyncio.get_running_loop()
    began = clock.time()

    async def see() -> float:
        async with asyncio.timeout(SECONDS):
            await element.evaluate(SHOWN, status)
        return clock.time() - began

    seconds, _ = await asyncio.gather(see(), act)
    print(f"{what} is seen by another after {seconds * 1000:.0f} ms")
    await watcher.sees(ticket, status)


async def agrees(timer: Locator, deadline: str) -> None:
    """The countdown ends at *deadline* and shows what is left by the server's clock."""
    await expect(timer).to_have_attribute("data-until", deadline)
    await expect(timer).to_have_text(re.compile(r"\d+:\d\d"))
    until, clock = datetime.fromisoformat(deadline), SystemClock()
    most = (until - clock.now()).total_seconds()
    text = re.search(r"(\d+):(\d\d)", await timer.inner_text())
    least = (until - clock.now()).total_seconds()
    assert text is not None
    # What is shown is rounded up: it stands for the second before, and its middle is meant.
    meant = int(text[1]) * 60 + int(text[2]) - 0.5
    assert least - 1 <= meant <= most + 1


async def test_a_lock_is_seen_at_once_counts_down_and_lapses_for_both(
    hasty_site: Site, visit: Visit
) -> None:
    seller = await visit(at=hasty_site)
    # Their clocks are wrong, either way; the deadline is the server's.
    buyer = await visit(at=hasty_site, clock_ahead=-HOUR)
    watcher = await visit(at=hasty_site, clock_ahead=HOUR, signed_in=False)
    ticket = await seller.sells()
    for visitor in (buyer, watcher):
        await visitor.opens(f"/tickets/{ticket['id']}", ticket["title"])
        await visitor.sees(ticket, "available")
        await visitor.is_live()
    await measured("a lock", watcher, ticket, "reserved", buyer.button("Buy").click())
    await expect(watcher.ticket(ticket)).to_contain_text("Reserved")
    deadline = (await seller.call("GET", f"/api/tickets/{ticket['id']}"))["reservedUntil"]
    await agrees(watcher.page.get_by_role("timer"), deadline)
    await buyer.sees_heading("Checkout")
    await agrees(buyer.page.get_by_role("timer"), deadline)
    ended = buyer.page.get_by_role("alert").filter(
        has_text="The reservation has ended; you were not charged"
    )
    await expect(ended).to_be_visible(timeout=2 * SECONDS * 1000)
    await watcher.sees(ticket, "available")
    await expect(watcher.ticket(ticket)).to_contain_text("Available")
    await expect(watcher.page.get_by_role("timer")).to_have_count(0)
    await expect(buyer.button(re.compile("^Pay"))).to_have_count(0)
    await buyer.page.get_by_role("main").get_by_role("link", name=re.compile("ticket")).click()
    await buyer.is_at(f"/tickets/{ticket['id']}")
    await buyer.sees(ticket, "available")


async def test_a_purchase_is_seen_to_its_end(visit: Visit) -> None:
    seller, buyer = await visit(), await visit(clock_ahead=-HOUR)
    watcher = await visit(clock_ahead=HOUR, signed_in=False)
    ticket = await seller.sells(delivery="Gate 7, code 1234")
    for visitor in (buyer, watcher):
        await visitor.opens(f"/tickets/{ticket['id']}", ticket["title"])
        await visitor.is_live()
    await measured("a lock", watcher, ticket, "reserved", buyer.button("Buy").click())
    await buyer.sees_heading("Checkout")
    await buyer.fills_card(GOOD_CARD)
    await measured("a sale", watcher, ticket, "sold", buyer.button("Pay $20.00").click())
    await buyer.is_at(re.compile(r"/orders/[\w-]+"))
    await buyer.sees_heading("Order")
    await expect(buyer.page.get_by_text("How to get in")).to_be_visible()
    await expect(buyer.page.get_by_text("Gate 7, code 1234")).to_be_visible()
    await expect(watcher.ticket(ticket)).to_contain_text("Sold")
    await expect(watcher.button("Buy")).to_have_count(0)
    await expect(watcher.page.get_by_text("code 1234")).to_have_count(0)


async def test_a_cancelled_order_frees_the_ticket_for_the_other(visit: Visit) -> None:
    seller, buyer, watcher = await visit(), await visit(), await visit()
    ticket = await seller.sells()
    order = await buyer.reserves(ticket)
    await watcher.opens(f"/tickets/{ticket['id']}", ticket["title"])
    await watcher.sees(ticket, "reserved")
    await watcher.is_live()
    await buyer.opens(f"/checkout/{order['id']}", "Checkout")
    await measured(
        "a cancellation", watcher, ticket, "available", buyer.button("Cancel order").click()
    )
    await buyer.is_at(f"/orders/{order['id']}")
    await watcher.button("Buy").click()
    await watcher.sees_heading("Checkout")
