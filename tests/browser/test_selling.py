"""Offering a ticket, changing it, taking it back."""

import re

from playwright.async_api import Route, expect

from tests.browser.conftest import Visit
from tests.browser.visitors import unique
from tests.support.wait import until


async def test_a_ticket_is_offered_and_then_changed(visit: Visit) -> None:
    seller = await visit()
    title = unique("Final")
    await seller.opens("/sell", "Sell a ticket")
    await seller.fills(
        Title=title, Price="19.99", Section="B", Row="5", Seat="12", How_to_get_in="Code 1"
    )
    await seller.button("Offer for sale").click()
    await seller.is_at(re.compile(r"/tickets/[\w-]+"))
    await seller.sees_heading(title)
    (ticket,) = await seller.call("GET", f"/api/tickets?q={title.split()[-1]}")
    assert {name: ticket[name] for name in ("price", "currency", "section", "row", "seat")} == {
        "price": 19.99, "currency": "usd", "section": "B", "row": "5", "seat": "12"
    }  # fmt: skip
    await seller.link("Edit").click()
    await seller.sees_heading("Edit ticket")
    await expect(seller.field("Title")).to_have_value(title)
    await expect(seller.field("How to get in")).to_have_value("Code 1")
    await seller.fills(Price="25", Seat="")
    await seller.button("Save changes").click()
    await seller.is_at(f"/tickets/{ticket['id']}")
    await expect(seller.page.get_by_role("main")).to_contain_text("$25.00")
    changed = await seller.call("GET", f"/api/tickets/{ticket['id']}")
    assert (changed["price"], changed.get("seat"), changed["delivery"]) == (25, None, "Code 1")


async def test_what_is_wrong_is_said_beside_its_field(visit: Visit) -> None:
    seller = await visit()
    seller.expects_statuses(400)
    await seller.opens("/sell", "Sell a ticket")
    await seller.fills(Title=unique("Final"), Price="-3")
    await seller.button("Offer for sale").click()
    price = seller.field("Price")
    await expect(price).to_have_attribute("aria-invalid", "true")
    await expect(price).to_be_focused()
    await expect(price).to_have_accessible_description(re.compile("."))
    await expect(seller.field("Title")).not_to_have_attribute("aria-invalid", "true")
    await expect(price).to_have_value("-3")
    await price.fill("3")
    await seller.button("Offer for sale").click()
    await seller.is_at(re.compile(r"/tickets/[\w-]+"))


async def test_a_reserved_ticket_keeps_its_terms_and_the_form_its_text(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    seller.expects_statuses(409)
    ticket = await seller.sells()
    await seller.opens(f"/tickets/{ticket['id']}/edit", "Edit ticket")
    await expect(seller.field("Title")).to_have_value(ticket["title"])
    await buyer.reserves(ticket)
    await seller.fills(Title="Another title", Price="99")
    await seller.button("Save changes").click()
    await expect(
        seller.page.get_by_role("alert").filter(has_text=re.compile("reserved", re.IGNORECASE))
    ).to_be_visible()
    await seller.is_at(f"/tickets/{ticket['id']}/edit")
    await expect(seller.field("Title")).to_have_value("Another title")
    await expect(seller.field("Price")).to_have_value("99")
    kept = await seller.call("GET", f"/api/tickets/{ticket['id']}")
    assert (kept["title"], kept["price"]) == (ticket["title"], 20)


async def test_a_change_of_what_somebody_changed_meanwhile_is_refused(visit: Visit) -> None:
    seller = await visit()
    seller.expects_statuses(412)
    ticket = await seller.sells()
    await seller.opens(f"/tickets/{ticket['id']}/edit", "Edit ticket")
    await expect(seller.field("Title")).to_have_value(ticket["title"])
    meanwhile = {"title": ticket["title"], "price": 30}
    await seller.call("PUT", f"/api/tickets/{ticket['id']}", meanwhile)
    await seller.fills(Price="40")
    await seller.button("Save changes").click()
    await expect(seller.page.get_by_role("alert").filter(has_text=re.compile("."))).to_be_visible()
    await expect(seller.field("Price")).to_have_value("40")
    assert (await seller.call("GET", f"/api/tickets/{ticket['id']}"))["price"] == 30


async def test_a_ticket_is_withdrawn_only_after_a_question(visit: Visit) -> None:
    seller = await visit()
    ticket = await seller.sells()
    await seller.opens("/listings", "My listings")
    row = seller.ticket(ticket)
    await row.get_by_role("button", name="Withdraw").click()
    dialog = seller.page.get_by_role("dialog", name="Withdraw this ticket?")
    await dialog.get_by_role("button", name="Keep it").click()
    await expect(dialog).to_be_hidden()
    await expect(row).to_have_attribute("data-status", "available")
    await expect(row.get_by_role("button", name="Withdraw")).to_be_focused()
    await row.get_by_role("button", name="Withdraw").click()
    await dialog.press("Escape")
    await expect(dialog).to_be_hidden()
    await row.get_by_role("button", name="Withdraw").click()
    await dialog.get_by_role("button", name="Withdraw").click()
    await expect(dialog).to_be_hidden()
    await expect(row).to_have_attribute("data-status", "withdrawn")
    gone = await seller.call("GET", f"/api/tickets/{ticket['id']}")
    assert gone["status"] == "withdrawn"


async def test_a_stranger_is_not_let_into_the_form(visit: Visit) -> None:
    seller, stranger = await visit(), await visit()
    ticket = await seller.sells()
    page = await stranger.opens(f"/tickets/{ticket['id']}/edit", "Edit ticket")
    await expect(page.get_by_role("main")).to_contain_text("Only its seller")
    await expect(stranger.button("Save changes")).to_have_count(0)


async def test_what_is_written_is_text(visit: Visit) -> None:
    seller = await visit()
    title = unique("<img src=x onerror=alert(1)> <b>Derby</b> &amp; ${1}")
    await seller.opens("/sell", "Sell a ticket")
    await seller.fills(Title=title, Price="20", How_to_get_in="<script>alert(1)</script>")
    await seller.button("Offer for sale").click()
    await seller.is_at(re.compile(r"/tickets/[0-9a-f-]{36}"))
    await seller.sees_heading(title)
    await expect(seller.page.get_by_text("<script>alert(1)</script>")).to_be_visible()
    assert await seller.page.title() == f"{title} - Ticketing"


async def test_a_second_click_after_the_answer_offers_nothing_more(visit: Visit) -> None:
    """The form is still there while the next page is being loaded, slowly."""
    seller = await visit(new_desk=True)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    await seller.page.route("**/pages/ticket.js", hold)
    await seller.opens("/sell", "Sell a ticket")
    await seller.fills(Title=unique("Final"), Price="20")
    offer = seller.button("Offer for sale")
    async with seller.page.expect_response("**/api/tickets"):
        await offer.click()
    await until(lambda: held, "the next page is asked for")
    await offer.click(force=True)  # As a hand does, whatever the button looks like.
    await seller.page.evaluate("() => new Promise(requestAnimationFrame)")
    await held[0].continue_()
    await seller.is_at(re.compile(r"/tickets/[0-9a-f-]{36}"))
    await seller.button("Sign out").wait_for()
    assert len(await seller.call("GET", f"/api/tickets?seller={await seller.id()}")) == 1


async def test_own_lists_follow_what_happens(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    await seller.opens("/listings", "My listings")
    await seller.is_live()
    ticket = await seller.sells()
    await seller.sees(ticket, "available")
    await buyer.opens("/orders", "My orders")
    await buyer.is_live()
    order = await buyer.reserves(ticket)
    await seller.sees(ticket, "reserved")
    await expect(seller.ticket(ticket).get_by_role("timer")).to_be_visible()
    link = buyer.page.locator(f'a[href="/orders/{order["id"]}"]').first
    await expect(link).to_be_visible()
    await buyer.call("POST", "/api/payments", {"orderId": order["id"], "token": "tok_visa"})
    await seller.sees(ticket, "sold")
    done = re.compile("complete|paid", re.IGNORECASE)
    await expect(buyer.page.get_by_role("main")).to_contain_text(done)
