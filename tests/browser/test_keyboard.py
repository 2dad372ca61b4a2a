"""A purchase with Tab, Enter and letters alone, the bank's question included."""

import re

from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.visitors import ASKING_CARD, card

STOPS_MAX = 80  # More than the shared list has before the newest ticket, by far.

# What shows where one is: a ring around the element, or around the card that it stands for.
IS_MARKED = """
(element) => {
  const isRinged = (each) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(each);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  };
  return isRinged(element) || [...document.querySelectorAll(":has(:focus)")].some(isRinged);
}
"""

# The body is the browser's own controls: the way out of a dialog that a keyboard has.
IS_INSIDE = """
document.activeElement === document.body ||
document.activeElement.closest("dialog, [role=dialog]") !== null
"""


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until *wanted* has the focus; every stop on the way can be seen."""
    await expect(wanted).to_be_visible()
    for _ in range(STOPS_MAX):
        if await wanted.evaluate("(element) => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if await page.evaluate("document.activeElement.matches('iframe')"):
            focused = page.frame_locator("iframe:focus").locator(":focus")
        if await focused.count():
            html = await focused.evaluate("(element) => element.outerHTML.slice(0, 200)")
            assert await focused.evaluate(IS_MARKED), f"nobody sees that it has the focus: {html}"
    raise AssertionError(f"{wanted} cannot be reached by Tab")


async def test_a_ticket_is_bought_without_a_mouse(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    ticket = await seller.sells(delivery="Code 1234")
    page = await buyer.opens("/", "Tickets")
    await tab_to(page, buyer.link(ticket["title"]))
    await page.keyboard.press("Enter")
    await buyer.sees_heading(ticket["title"])
    await tab_to(page, buyer.button("Buy"))
    await page.keyboard.press("Enter")
    await buyer.sees_heading("Checkout")
    for label, value in card(ASKING_CARD).items():
        await tab_to(page, buyer.card_form.get_by_label(label, exact=True))
        await page.keyboard.type(value)
    await tab_to(page, buyer.button("Pay $20.00"))
    await page.keyboard.press("Enter")
    await tab_to(page, buyer.bank.get_by_role("button", name=re.compile("^Pass")))
    await page.keyboard.press("Enter")
    await buyer.is_at(re.compile(r"/orders/[\w-]+"))
    await buyer.sees_heading("Order")
    await expect(page.get_by_text("Code 1234")).to_be_visible()


async def test_a_dialog_keeps_the_focus_and_gives_it_back(visit: Visit) -> None:
    seller = await visit()
    ticket = await seller.sells()
    page = await seller.opens("/listings", "My listings")
    withdraw = seller.ticket(ticket).get_by_role("button", name="Withdraw")
    await tab_to(page, withdraw)
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Withdraw this ticket?")
    await expect(dialog).to_be_visible()
    for _ in range(6):
        assert await page.evaluate(IS_INSIDE), "the focus left the dialog"
        await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")
    await expect(withdraw).to_be_focused()
