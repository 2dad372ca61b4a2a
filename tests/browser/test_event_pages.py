"""Events: announced by anybody, found by all, each with its tickets, live."""

import re
from datetime import timedelta

from playwright.async_api import expect

from actors import SystemClock
from tests.browser.conftest import Visit
from tests.browser.visitors import Visitor, unique


async def fills_event(visitor: Visitor, name: str) -> None:
    starts = SystemClock().now() + timedelta(days=40)
    await visitor.fills(Name=name, Venue="Lake Arena", City="Oslo")
    await visitor.field("Category").select_option("sports")
    await visitor.field("Starts at").fill(starts.strftime("%Y-%m-%dT20:00"))
    zone = visitor.field("Time zone")
    if await zone.evaluate("(element) => element.tagName") == "SELECT":
        await zone.select_option("Europe/Oslo")
    else:
        await zone.fill("Europe/Oslo")


async def test_an_event_is_added_found_and_offered_to_who_would_add_it_again(
    visit: Visit,
) -> None:
    fan, name = await visit(), unique("Derby")
    fan.expects_statuses(409)
    await fan.opens("/events", "Events")
    await fan.page.get_by_role("main").get_by_text("Add an event").click()
    await fan.sees_heading("Add an event")
    await fills_event(fan, name)
    await fan.page.get_by_role("main").get_by_role("button", name="Add").click()
    await fan.is_at(re.compile(r"/events/[0-9a-f-]{36}"))
    await fan.sees_heading(name)
    address = fan.page.url.removeprefix(fan.site)
    main = fan.page.get_by_role("main")
    await expect(main).to_contain_text("Lake Arena")
    await expect(main).to_contain_text("8:00 PM")  # In the event's zone, wherever the visitor is.
    await fan.opens("/events", "Events")
    await fan.field("Search").fill(name)
    await fan.field("Search").press("Enter")
    await expect(fan.link(name)).to_be_visible()

    other = await visit()
    other.expects_statuses(409)
    await other.opens("/events/new", "Add an event")
    await fills_event(other, name)
    await other.page.get_by_role("main").get_by_role("button", name="Add").click()
    likely = other.page.get_by_role("main").get_by_role("link", name=name)
    await expect(likely).to_have_attribute("href", address)
    await other.button("Add it all the same").click()
    await other.sees_heading(name)
    assert other.page.url.removeprefix(other.site) != address


async def test_an_event_shows_its_tickets_as_they_come_and_go(visit: Visit) -> None:
    seller, buyer, watcher = await visit(), await visit(), await visit(signed_in=False)
    event = await seller.announces()
    await watcher.opens(f"/events/{event['id']}", event["name"])
    await watcher.is_live()
    ticket = await seller.sells(eventId=event["id"])
    await watcher.sees(ticket, "available")
    order = await buyer.reserves(ticket)
    await watcher.sees(ticket, "reserved")
    await buyer.call("DELETE", f"/api/orders/{order['id']}")
    await watcher.sees(ticket, "available")


async def test_a_ticket_is_offered_for_the_event_that_one_comes_from(visit: Visit) -> None:
    seller = await visit()
    event = await seller.announces()
    await seller.opens(f"/events/{event['id']}", event["name"])
    await seller.link("Sell a ticket for this event").click()
    await seller.sees_heading("Sell a ticket")
    await seller.is_at(f"/sell?event={event['id']}")
    await seller.fills(Title=unique("Row"), Price="20")
    await seller.button("Offer for sale").click()
    await seller.is_at(re.compile(r"/tickets/[\w-]+"))
    await seller.link(re.compile(re.escape(event["name"]))).click()
    await seller.is_at(f"/events/{event['id']}")
