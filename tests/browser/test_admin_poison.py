"""An operator finds out why a ticket does not sell, and mends it; all of it on the page."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest_asyncio
from playwright.async_api import expect

from actors import Ids, SystemClock, encode, wire_name
from tests.browser.conftest import Visit
from tests.browser.sites import Site, running
from tests.browser.visitors import GOOD_CARD, Visitor
from tests.support import postgres
from ticketing import bootstrap
from ticketing.fsck.rounds import STEPS
from ticketing.tickets import messages as tickets
from ticketing.values import OrderId, TicketId, UserId

WHY = "Asks for a reservation of 2.7 million years"

# The clock ends in the year 9999, and what is reached by no clock no handler can reckon with.
POISON = tickets.Reserve(
    order_id=OrderId("0"), buyer_id=UserId("0"), window=timedelta(days=999_999_999)
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def impatient_site(databases: postgres.Databases) -> AsyncIterator[Site]:
    async with running(databases, module="tests.browser.impatient") as site:
        yield site


async def plant(dsn: str, ticket: dict[str, Any]) -> None:
    """Put `POISON` into the ticket's inbox, as a program with a bug might have."""
    ref = tickets.ticket(TicketId(ticket["id"]))
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "insert into inbox (id, partition, kind, key, message, body, due_at)"
            " values ($1, $2, $3, $4, $5, $6, clock_timestamp())",
            Ids(SystemClock()).new(),
            bootstrap.placement().partition(ref),
            *ref,
            wire_name(type(POISON)),
            encode(POISON).decode(),
        )
    finally:
        await connection.close()


async def decides(admin: Visitor, button: str) -> None:
    """Press *button*, and say why."""
    await admin.button(button).click()
    dialog = admin.page.get_by_role("dialog")
    await dialog.get_by_role("button", name=button).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Say why")
    await dialog.get_by_label("Reason").fill(WHY)
    await dialog.get_by_role("button", name=button).click()
    await expect(dialog).to_have_count(0)


async def test_a_poison_message_is_found_and_dropped_and_the_ticket_sells(
    visit: Visit, impatient_site: Site
) -> None:
    admin, seller, buyer = await asyncio.gather(*(visit(at=impatient_site) for _ in range(3)))
    await impatient_site.promote(admin.email)
    await admin.becomes_admin()
    ticket, other = await seller.sells(), await seller.sells()
    await plant(impatient_site.dsn, ticket)
    page, actor = admin.page, f"ticket/{ticket['id']}"

    await admin.opens("/admin", "Overview")
    service = page.locator("[data-service=tickets]")
    await expect(service).to_have_attribute("data-state", "failing in parts")
    await expect(page.locator("[data-service]:not([data-state=healthy])")).to_have_count(1)
    await buyer.reserves(other)  # The service works on.

    await admin.link(re.compile("1 actor is left alone")).click()
    await admin.sees_heading("Actors")
    restarts = page.get_by_role("columnheader", name="Restarts")
    await expect(restarts).to_have_attribute("aria-sort", "descending")
    first = page.locator("tbody tr").first
    await expect(first).to_have_attribute("data-actor", actor)
    await expect(first).to_have_attribute("data-status", "quarantined")
    await expect(first).to_contain_text("OverflowError")

    await first.get_by_role("link").click()
    await admin.sees_heading(f"ticket {ticket['id']}")
    traceback = page.get_by_label("Traceback")
    await expect(traceback).to_contain_text("OverflowError: date value out of range")
    await expect(traceback).to_contain_text("in reserve")
    await expect(page.locator("[data-actor]")).to_have_attribute("data-status", "quarantined")

    await admin.link("Parked").click()
    await admin.sees_heading("Parked messages")
    message = page.locator("[data-parked]")
    await expect(message).to_contain_text("tickets.reserve")
    await message.get_by_text("What it says").click()
    await expect(message).to_contain_text("999999999D")
    await decides(admin, "Discard")
    await expect(message).to_have_count(0)

    await admin.goes(f"/admin/actors/{actor}", f"ticket {ticket['id']}")
    await decides(admin, "Resume")
    await expect(page.locator("[data-actor]")).not_to_have_attribute("data-status", "quarantined")

    await buyer.opens(f"/tickets/{ticket['id']}", ticket["title"])
    await buyer.button("Buy").click()
    await buyer.sees_heading("Checkout")
    await buyer.pays_with(GOOD_CARD)
    await buyer.sees_heading("Order")
    await expect(page.locator("[data-actor]")).to_contain_text("sold")  # The operator sees it.

    await admin.goes("/admin/audit", "Audit log")
    for done in ("message.discard", "actor.resume"):
        await expect(page.locator("[data-audit]").filter(has_text=done)).to_contain_text(WHY)


async def test_a_history_that_was_tampered_with_is_named_on_the_overview(
    visit: Visit, impatient_site: Site
) -> None:
    admin, seller = await asyncio.gather(*(visit(at=impatient_site) for _ in range(2)))
    await impatient_site.promote(admin.email)
    await admin.becomes_admin()
    ticket = await seller.sells()
    connection = await asyncpg.connect(impatient_site.dsn)
    try:
        await connection.execute("update tickets set title = 'Forged' where id = $1", ticket["id"])
        # The round goes on with the tickets' histories, and not with what comes before.
        await connection.execute("update ledger_health set step = $1", STEPS.index("ticket"))
    finally:
        await connection.close()

    await admin.opens("/admin", "Overview")
    panel = admin.page.locator("[data-ledger]")
    await expect(panel).to_have_attribute("data-ledger", "bad")
    await expect(panel).to_contain_text("1 violation.")
    await expect(panel).not_to_contain_text("Forged")
    await admin.link("1 violation in the ledger: see below").click()
    await panel.get_by_role("link", name=f"ticket {ticket['id']}").click()
    await admin.sees_heading(f"ticket {ticket['id']}")
