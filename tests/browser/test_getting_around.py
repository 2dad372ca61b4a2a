"""Addresses: each can be linked to, left by the back button, and is somewhere."""

import re

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitors import unique

PAGES = {
    "/": "Tickets",
    "/events": "Events",
    "/events/new": "Add an event",
    "/orders": "My orders",
    "/listings": "My listings",
    "/sell": "Sell a ticket",
}


async def test_a_page_is_there_by_its_address_and_has_its_title(visit: Visit) -> None:
    visitor = await visit()
    for path, heading in PAGES.items():
        await visitor.opens(path, heading)
        assert await visitor.page.title() == f"{heading} - Ticketing"
        assert await visitor.page.get_by_role("heading", level=1).count() == 1


async def test_following_links_moves_the_focus_and_going_back_returns(visit: Visit) -> None:
    visitor = await visit()
    ticket = await visitor.sells()
    page = await visitor.opens("/", "Tickets")
    await page.evaluate("window.isTheSame = true")
    await visitor.link(ticket["title"]).click()
    await visitor.is_at(f"/tickets/{ticket['id']}")
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_have_text(ticket["title"])
    await expect(heading).to_be_focused()
    await expect(page).to_have_title(f"{ticket['title']} - Ticketing")
    await page.get_by_role("navigation").first.get_by_role("link", name="Events").click()
    await visitor.sees_heading("Events")
    await expect(heading).to_be_focused()
    await page.go_back()
    await visitor.sees_heading(ticket["title"])
    await page.go_back()
    await visitor.sees_heading("Tickets")
    await expect(visitor.link(ticket["title"])).to_be_visible()
    await page.go_forward()
    await visitor.sees_heading(ticket["title"])
    assert await page.evaluate("window.isTheSame"), "the page was loaded anew on the way"


async def test_the_back_button_returns_to_where_one_was_in_the_list(visit: Visit) -> None:
    visitor = await visit(viewport={"width": 390, "height": 600})
    tickets = [await visitor.sells() for _ in range(12)]
    page = await visitor.opens("/", "Tickets")
    await visitor.link(tickets[0]["title"]).scroll_into_view_if_needed()
    was = await page.evaluate("scrollY")
    assert was > 0
    await visitor.link(tickets[0]["title"]).click()
    await visitor.sees_heading(tickets[0]["title"])
    assert await page.evaluate("scrollY") == 0
    await page.go_back()
    await visitor.sees_heading("Tickets")
    await expect(visitor.link(tickets[0]["title"])).to_be_in_viewport()


async def test_what_is_nowhere_is_said_to_be(visit: Visit) -> None:
    visitor = await visit(signed_in=False)
    visitor.expects_statuses(404)
    page = visitor.page
    for path in ("/nowhere", "/tickets/nothing/at/all", "/admin.php"):
        answer = await page.goto(visitor.site + path)
        assert answer is not None
        assert answer.status == 404
        await visitor.sees_heading("Page not found")
        assert await page.title() == "Page not found - Ticketing"
    await page.get_by_role("main").get_by_role("link").first.click()
    await visitor.is_at("/")
    await visitor.sees_heading("Tickets")


async def test_a_thing_that_is_not_there_is_said_to_be_missing(visit: Visit) -> None:
    visitor = await visit()
    visitor.expects_statuses(404)
    for kind in ("tickets", "events", "orders"):
        await visitor.opens(f"/{kind}/01900000-0000-7000-8000-000000000000", "Page not found")


async def test_the_first_stop_skips_to_the_content(visit: Visit) -> None:
    visitor = await visit(signed_in=False)
    page = await visitor.opens("/", "Tickets")
    await page.keyboard.press("Tab")
    await expect(visitor.link("Skip to content")).to_be_focused()
    await expect(visitor.link("Skip to content")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    is_inside = "document.querySelector('main').contains(document.activeElement)"
    assert await page.evaluate(is_inside)


async def test_the_list_is_searched_sorted_and_the_address_says_how(visit: Visit) -> None:
    visitor = await visit(signed_in=False)
    seller = await visit()
    word = unique("").strip()
    dear = await seller.sells(f"Dear {word}", 90)
    cheap = await seller.sells(f"Cheap {word}", 10)
    page = await visitor.opens("/", "Tickets")
    await visitor.field("Search").fill(word)
    await visitor.field("Search").press("Enter")
    await expect(page.locator("main [data-ticket]")).to_have_count(2)
    await visitor.field("Sort by").select_option("price")
    first = page.locator("main [data-ticket]").first
    await expect(first).to_have_attribute("data-ticket", cheap["id"])
    await visitor.fills(Price_from="50")
    await visitor.field("Price from").press("Enter")
    await expect(page.locator("main [data-ticket]")).to_have_count(1)
    await expect(first).to_have_attribute("data-ticket", dear["id"])
    await page.reload()
    await expect(page.locator("main [data-ticket]")).to_have_count(1)
    await expect(visitor.field("Search")).to_have_value(word)


async def test_what_others_list_is_offered_and_does_not_jump_in(visit: Visit) -> None:
    visitor, seller = await visit(signed_in=False), await visit()
    known = await seller.sells()
    page = await visitor.opens("/", "Tickets")
    await expect(visitor.ticket(known)).to_be_visible()
    await visitor.is_live()
    new = await seller.sells()
    pill = page.get_by_role("button").filter(has_text=re.compile(r"\d+ new ticket"))
    await expect(pill).to_be_visible()
    await expect(visitor.ticket(new)).to_have_count(0)
    await pill.click()
    await expect(visitor.ticket(new)).to_be_visible()
    await seller.call("DELETE", f"/api/tickets/{known['id']}")
    await expect(visitor.ticket(known)).not_to_have_attribute("data-status", "available")


async def test_more_is_shown_on_request(visit: Visit) -> None:
    seller, visitor = await visit(), await visit(signed_in=False)
    word = unique("").strip()
    titles = [f"{word} {number:02}" for number in range(60)]
    for title in titles:
        await seller.sells(title)
    page = await visitor.opens(f"/?q={word}", "Tickets")
    cards = page.locator("main [data-ticket]")
    await expect(cards.first).to_be_visible()
    while await visitor.button("Show more").count():
        before = await cards.count()
        await visitor.button("Show more").click()
        await expect(cards.nth(before)).to_be_visible()
    await expect(cards).to_have_count(60)
