"""One's own account: another password, signing out everywhere, and a forgotten password."""

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.sites import Site
from tests.browser.visitors import PASSWORD

NEW = "another horse entirely"


async def test_a_password_is_changed_and_only_this_page_stays_signed_in(visit: Visit) -> None:
    visitor = await visit()
    visitor.expects_statuses(400, 401)
    await visitor.opens("/", "Tickets")
    await visitor.page.get_by_role("link", name="Your account").click()
    await visitor.sees_heading("Your account")
    await visitor.fills(**{"Current password": "not the password", "New password": NEW})
    await visitor.button("Change password").click()
    await expect(visitor.field("Current password")).to_have_accessible_description(
        "This is not your current password"
    )
    await expect(visitor.field("Current password")).to_be_focused()
    await visitor.fills(**{"Current password": PASSWORD, "New password": "short"})
    await visitor.button("Change password").click()
    await expect(visitor.field("New password")).to_have_attribute("aria-invalid", "true")
    await visitor.fills(**{"Current password": PASSWORD, "New password": NEW})
    await visitor.button("Change password").click()
    await visitor.page.get_by_role("main").get_by_text("Your password is changed.").wait_for()
    await expect(visitor.field("New password")).to_have_value("")
    # The socket belonged to the old session; the page comes back with the new one.
    await visitor.page.locator("html[data-live=connected]").wait_for()
    await visitor.goes("/listings", "My listings")
    await expect(visitor.page.get_by_role("banner")).to_contain_text(visitor.email)


async def test_signing_out_everywhere_is_asked_twice(visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.opens("/account", "Your account")
    await page.set_viewport_size({"width": 360, "height": 800})
    # The address of a test's visitor is a long one.
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    await visitor.button("Sign out everywhere").click()
    dialog = visitor.page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Stay signed in").click()
    await expect(visitor.button("Sign out everywhere")).to_be_focused()
    await visitor.button("Sign out everywhere").click()
    await dialog.get_by_role("button", name="Sign out", exact=True).click()
    await visitor.sees_heading("Sign in")
    await visitor.goes("/account", "Your account")
    await expect(visitor.page.get_by_role("main")).to_contain_text("Sign in first")


async def test_a_reset_link_leads_to_signing_in(visit: Visit, site: Site) -> None:
    visitor = await visit()
    visitor.expects_statuses(401)
    token = await site.offers_reset(visitor.email)
    await visitor.opens(f"/reset#{token}", "Choose a new password")
    assert await visitor.page.evaluate("location.hash") == ""
    await visitor.fills(**{"New password": NEW})
    await visitor.button("Set password").click()
    await visitor.sees_heading("Sign in")
    await visitor.fills(**{"E-mail": visitor.email, "Password": NEW})
    await visitor.page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await visitor.is_at("/")
    await visitor.opens(f"/reset#{token}", "Choose a new password")
    await visitor.fills(**{"New password": PASSWORD})
    await visitor.button("Set password").click()
    await visitor.page.get_by_role("alert").filter(has_text="cannot be used").wait_for()
