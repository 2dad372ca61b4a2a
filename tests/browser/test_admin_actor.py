"""What an administrator sees of one actor, and does to it."""

import re
from datetime import datetime
from typing import Any

from playwright.async_api import Locator, expect

from actors import SystemClock
from tests.browser import axe
from tests.browser.conftest import Visit
from tests.browser.sites import Site
from tests.browser.visitors import Visitor

API = "/api/admin/actors"


async def an_admin(visit: Visit, site: Site) -> Visitor:
    """Somebody new, with the role."""
    admin = await visit()
    await site.promote(admin.email)
    await admin.becomes_admin()
    return admin


def page_of(ticket: dict[str, Any]) -> str:
    return f"/admin/actors/ticket/{ticket['id']}"


async def is_shown(admin: Visitor, ticket: dict[str, Any], **facts: object) -> Locator:
    """Wait until *ticket*'s actor is shown with these facts: its status, its version."""
    said = "".join(f'[data-{name}="{value}"]' for name, value in facts.items())
    actor = f'.actor[data-actor="ticket/{ticket["id"]}"]'
    await admin.page.locator(actor + said).wait_for()
    return admin.page.locator(actor)


async def confirms(admin: Visitor, action: str, reason: str) -> None:
    """Press the button *action*, and say why."""
    await admin.button(action).click()
    asked = admin.page.get_by_role("dialog")
    await asked.get_by_label("Reason").fill(reason)
    await asked.get_by_role("button", name=action, exact=True).click()
    await asked.wait_for(state="detached")


async def status_on_server(admin: Visitor, ticket: dict[str, Any]) -> str:
    status: str = (await admin.call("GET", f"{API}/ticket/{ticket['id']}"))["status"]
    return status


async def test_a_ticket_is_found_by_its_id_and_its_past_is_seen(site: Site, visit: Visit) -> None:
    admin = await an_admin(visit, site)
    ticket = await admin.sells(price=20)
    edited = {"title": ticket["title"], "price": 35}
    await admin.call("PUT", f"/api/tickets/{ticket['id']}", edited)
    await admin.opens("/admin/actors", "Actors")
    await admin.page.locator("table.actors").wait_for()
    assert await axe.faults(admin.page) == []
    await admin.field("Find by id").fill(ticket["id"])
    await admin.page.keyboard.press("Enter")
    await admin.is_at(page_of(ticket))
    await admin.sees_heading(f"ticket {ticket['id']}")
    actor = await is_shown(admin, ticket, status="idle", version=2)
    state = actor.get_by_role("group", name="State", exact=True)
    price = state.locator('[data-field="price_minor"]')
    await expect(price).to_have_text(re.compile(r"3500\s*changed\s*was\s*2000"))
    await expect(actor.locator(".journal")).to_contain_text("ticket.listed")
    await expect(actor.locator(".journal")).to_contain_text("ticket.edited")
    await admin.button("State at version 1").click()
    then = actor.get_by_role("group", name="State as it was then")
    await expect(then.locator('[data-field="price_minor"]')).to_have_text(re.compile("2000$"))
    await admin.is_at(f"{page_of(ticket)}?at=1")
    assert await axe.faults(admin.page) == []
    await admin.button("Version after").click()
    await expect(then.locator('[data-field="price_minor"]')).to_contain_text("3500")
    await admin.button("Back to now").click()
    await state.wait_for()
    await admin.is_at(page_of(ticket))


async def test_the_list_is_filtered_and_put_in_order(site: Site, visit: Visit) -> None:
    admin = await an_admin(visit, site)
    ticket = await admin.sells()
    await admin.announces()
    await admin.opens("/admin/actors", "Actors")
    rows = admin.page.locator("table.actors tbody tr")
    await rows.first.wait_for()
    await admin.field("Kind").select_option("ticket")
    await admin.is_at("/admin/actors?kind=ticket")
    await expect(rows.filter(has=admin.page.get_by_text("event", exact=True))).to_have_count(0)
    await admin.field("Find by id").fill(ticket["id"][:24])
    await expect(rows).to_have_count(1)
    row = admin.page.locator(f'tr[data-actor="ticket/{ticket["id"]}"][data-status="idle"]')
    await row.wait_for()
    await admin.button("Turns").click()
    turns = admin.page.get_by_role("columnheader", name="Turns")
    await expect(turns).to_have_attribute("aria-sort", "descending")
    await admin.is_at(re.compile(r"/admin/actors\?kind=ticket&key=[-0-9a-f]+&sort=version"))
    await admin.field("Status").select_option("quarantined")
    await expect(rows).to_have_count(0)


async def test_it_is_suspended_and_resumed_for_a_reason(site: Site, visit: Visit) -> None:
    admin = await an_admin(visit, site)
    ticket = await admin.sells()
    await admin.opens(page_of(ticket))
    await admin.is_live()
    await is_shown(admin, ticket, status="idle")
    await admin.button("Suspend").click()
    asked = admin.page.get_by_role("dialog")
    await asked.get_by_role("button", name="Suspend", exact=True).click()
    await asked.locator("[aria-invalid=true]").wait_for()  # Not without a reason.
    assert await status_on_server(admin, ticket) == "idle"
    await admin.page.keyboard.press("Escape")
    await confirms(admin, "Suspend", "It is looked into")
    await is_shown(admin, ticket, status="suspended")
    assert await status_on_server(admin, ticket) == "suspended"
    await confirms(admin, "Resume", "It is well")
    await is_shown(admin, ticket, status="idle")
    kept = [
        (line["action"], line["reason"])
        for line in await admin.call("GET", "/api/admin/audit")
        if line["subject"] == f"ticket:{ticket['id']}"
    ]
    assert kept == [("actor.resume", "It is well"), ("actor.suspend", "It is looked into")]


async def test_the_page_changes_when_somebody_reserves(site: Site, visit: Visit) -> None:
    admin, buyer = await an_admin(visit, site), await visit()
    ticket = await admin.sells(price=20)
    await admin.opens(page_of(ticket))
    await admin.is_live()
    actor = await is_shown(admin, ticket, status="idle", version=1)
    order = await buyer.reserves(ticket)
    await is_shown(admin, ticket, version=2)
    status = actor.locator('.tree [data-field="status"]')
    await expect(status).to_have_text(re.compile(r"reserved\s*changed\s*was\s*available"))
    await expect(actor.locator('.tree [data-field="price_minor"]')).to_have_text(
        re.compile("2000$")
    )
    await actor.locator('.tree [data-field="order_id"] a', has_text=order["id"]).wait_for()
    await actor.locator('.journal [data-version="2"]', has_text="ticket.reserved").wait_for()
    await actor.locator("table.turns tr", has_text="tickets.reserve").first.wait_for()
    lapse = actor.locator('[data-timer="lapse"]').get_by_role("timer")
    await expect(lapse).to_have_text(re.compile(r"^in \d+:\d\d$"))
    ends = await lapse.get_attribute("data-until")
    assert ends is not None
    assert datetime.fromisoformat(ends) > SystemClock().now()
    first = await lapse.inner_text()
    await expect(lapse).not_to_have_text(first)  # It counts down.
    assert await axe.faults(admin.page) == []
    await confirms(admin, "Release the ticket", "They have asked for it")
    await is_shown(admin, ticket, version=3)
    await expect(status).to_have_text(re.compile(r"available\s*changed\s*was\s*reserved"))


async def test_a_sleeper_is_found_and_sleeps_on(site: Site, visit: Visit) -> None:
    admin = await an_admin(visit, site)
    ticket = await admin.sells()
    await admin.opens(page_of(ticket))
    await admin.is_live()
    await is_shown(admin, ticket, status="idle")
    await confirms(admin, "Let it sleep", "It is in the way")
    await is_shown(admin, ticket, status="asleep")
    await admin.opens("/admin/actors", "Actors")
    await admin.field("Find by id").fill(ticket["id"])
    await admin.page.get_by_text("Nothing in memory begins so").wait_for()
    await admin.page.get_by_role("main").get_by_role("link", name="ticket", exact=True).click()
    actor = await is_shown(admin, ticket, status="asleep", version=1)
    await admin.is_live()
    await expect(actor.get_by_text("Looking does not wake it.")).to_be_visible()
    await expect(actor.locator('.tree [data-field="status"]')).to_contain_text("available")
    await actor.locator('.journal [data-version="1"]').wait_for()
    assert await axe.faults(admin.page) == []
    assert await status_on_server(admin, ticket) == "asleep"
    await is_shown(admin, ticket, status="asleep")


async def test_who_is_no_administrator_is_told_so(visit: Visit) -> None:
    seller = await visit()
    ticket = await seller.sells()
    await seller.opens(page_of(ticket), "Administration")
    await expect(seller.page.locator(".actor")).to_have_count(0)
    stranger = await visit(signed_in=False)
    await stranger.opens("/admin/actors", "Administration")
    await stranger.link("Continue to sign-in").wait_for()
