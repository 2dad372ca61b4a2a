"""Accounts by the page: opening one, signing in and out, and where one gets to."""

import re
from urllib.parse import quote

from playwright.async_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.visitors import PASSWORD, Visitor

NEXT = {
    "/events": "/events",
    "/?q=derby": "/?q=derby",
    "https://example.com/": "/",
    "//example.com/": "/",
    "/\\example.com/": "/",
    "javascript:alert(1)": "/",
}
"""Where a link to the sign-in page wants to lead afterwards, and where it does."""


def submit(visitor: Visitor, name: str) -> Locator:
    """The form's own button; the header has a link of the same name."""
    return visitor.page.get_by_role("main").get_by_role("button", name=name)


async def test_an_account_is_opened_left_and_entered_again(visit: Visit) -> None:
    visitor = await visit(signed_in=False)
    await visitor.opens("/", "Tickets")
    await visitor.link("Create account").click()
    await visitor.sees_heading("Create an account")
    await visitor.fills(**{"E-mail": visitor.email, "Password": PASSWORD})
    await submit(visitor, "Create account").click()
    await visitor.is_at("/")
    await expect(visitor.page.get_by_role("banner")).to_contain_text(visitor.email)
    await expect(visitor.link("Sign in")).to_have_count(0)
    await visitor.button("Sign out").click()
    await visitor.link("Sign in").click()
    await visitor.sees_heading("Sign in")
    await visitor.fills(**{"E-mail": visitor.email, "Password": PASSWORD})
    await submit(visitor, "Sign in").click()
    await visitor.is_at("/")
    await expect(visitor.link("My orders")).to_be_visible()
    await visitor.page.reload()
    await expect(visitor.page.get_by_role("banner")).to_contain_text(visitor.email)


async def test_what_is_wrong_is_said_beside_its_field(visit: Visit) -> None:
    visitor = await visit(signed_in=False)
    visitor.expects_statuses(400)
    await visitor.opens("/signup", "Create an account")
    await visitor.fills(**{"E-mail": visitor.email, "Password": "short"})
    await submit(visitor, "Create account").click()
    password = visitor.field("Password")
    await expect(password).to_have_attribute("aria-invalid", "true")
    await expect(password).to_have_accessible_description(re.compile("8"))
    await expect(password).to_be_focused()
    await expect(visitor.field("E-mail")).not_to_have_attribute("aria-invalid", "true")
    await visitor.fills(**{"E-mail": "nobody", "Password": PASSWORD})
    await submit(visitor, "Create account").click()
    await expect(visitor.field("E-mail")).to_have_attribute("aria-invalid", "true")
    await expect(visitor.field("E-mail")).to_be_focused()
    await expect(password).not_to_have_attribute("aria-invalid", "true")


async def test_an_address_in_use_and_a_wrong_password_are_refused(visit: Visit) -> None:
    visitor = await visit()
    visitor.expects_statuses(409, 401)
    await visitor.desk.context.clear_cookies()
    await visitor.opens("/signup", "Create an account")
    await visitor.fills(**{"E-mail": visitor.email.upper(), "Password": PASSWORD})
    await submit(visitor, "Create account").click()
    await expect(visitor.field("E-mail")).to_have_accessible_description(re.compile("in use"))
    await visitor.opens("/signin", "Sign in")
    await visitor.fills(**{"E-mail": visitor.email, "Password": "not the password"})
    await submit(visitor, "Sign in").click()
    told = visitor.page.get_by_role("main").get_by_text(re.compile("invalid|wrong", re.IGNORECASE))
    await expect(told.first).to_be_visible()
    await visitor.is_at("/signin")
    await expect(visitor.field("E-mail")).to_have_value(visitor.email)


async def test_what_is_for_the_signed_in_leads_through_signing_in(visit: Visit) -> None:
    visitor = await visit()
    await visitor.desk.context.clear_cookies()
    await visitor.opens("/listings", "My listings")
    main = visitor.page.get_by_role("main")
    await main.get_by_role("link", name=re.compile("sign.in", re.IGNORECASE)).click()
    await visitor.sees_heading("Sign in")
    await visitor.fills(**{"E-mail": visitor.email, "Password": PASSWORD})
    await submit(visitor, "Sign in").click()
    await visitor.is_at("/listings")
    await visitor.sees_heading("My listings")


async def test_next_leads_to_pages_of_our_own_only(visit: Visit) -> None:
    visitor = await visit()
    for next_path, lands_at in NEXT.items():
        await visitor.desk.context.clear_cookies()
        await visitor.opens(f"/signin?next={quote(next_path, safe='')}", "Sign in")
        await visitor.fills(**{"E-mail": visitor.email, "Password": PASSWORD})
        await submit(visitor, "Sign in").click()
        await visitor.is_at(lands_at)
        await expect(visitor.page.get_by_role("banner")).to_contain_text(visitor.email)


async def test_signing_out_takes_what_was_ones_own_from_the_page(visit: Visit) -> None:
    seller = await visit()
    ticket = await seller.sells(delivery="Code 1234")
    await seller.opens(f"/tickets/{ticket['id']}", ticket["title"])
    code = seller.page.get_by_text("Code 1234")
    await code.wait_for()
    await seller.button("Sign out").click()
    await seller.link("Sign in").wait_for()
    await seller.goes(f"/tickets/{ticket['id']}", ticket["title"])
    await expect(seller.button("Buy")).to_be_visible()
    await expect(code).to_have_count(0)
    await seller.goes("/listings", "My listings")
    await expect(seller.ticket(ticket)).to_have_count(0)
