"""Every page, light and dark, narrow and wide: in nobody's way, and never wider than the screen."""

import asyncio

from playwright.async_api import Page

from tests.browser import axe
from tests.browser.conftest import Shop, Visit
from tests.browser.visitors import Visitor

WIDTHS = (360, 1440)

WIDEST = """
(() => {
  const all = [...document.querySelectorAll("body *")];
  const beyond = all.filter((element) => element.getBoundingClientRect().right > innerWidth);
  return beyond.map((element) => element.outerHTML.slice(0, 120)).slice(0, 3).join(" | ");
})()
"""


async def faults(page: Page) -> list[str]:
    """What is wrong with the page at any width, in any colours."""
    found = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{width}: wider than the screen: {await page.evaluate(WIDEST)}")
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found += [f"{width}, dark: {fault}" for fault in await axe.faults_of_colour(page)]
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        found += [f"{width}, light: {fault}" for fault in await axe.faults(page)]
    return found


async def test_every_page_is_in_nobodys_way(shop: Shop, visit: Visit) -> None:
    found: list[str] = []

    async def look_around(who: str | None) -> None:
        """All views of one person, in one document: axe takes longer to load than to run."""
        visitor = await visit(at=shop.site, signed_in=False, **shop.scene.options(who))
        visitor.expects_statuses(402, 404)
        await visitor.opens("/signin", "Sign in")
        for name, view in shop.scene.views.items():
            if view.who == who:
                await visitor.goes(view.path, view.heading)
                await visitor.has_all()
                if view.step is not None:
                    await view.step(visitor)
                found.extend(f"{name} at {fault}" for fault in await faults(visitor.page))

    await asyncio.gather(*map(look_around, {view.who for view in shop.scene.views.values()}))
    assert found == []


async def test_faulty_forms_and_dialogs_are_in_nobodys_way(visit: Visit) -> None:
    seller = await visit(viewport={"width": 1440, "height": 800})
    seller.expects_statuses(400)
    ticket = await seller.sells()
    await seller.opens("/listings", "My listings")
    await seller.ticket(ticket).get_by_role("button", name="Withdraw").click()
    await seller.page.get_by_role("dialog").wait_for()
    found = await faults(seller.page)
    await seller.page.keyboard.press("Escape")
    await seller.goes("/sell", "Sell a ticket")
    await seller.fills(Title="Row", Price="0")
    await seller.button("Offer for sale").click()
    await seller.page.locator("[aria-invalid=true]").wait_for()
    assert found + await faults(seller.page) == []


async def test_axe_hears_what_is_wrong(visit: Visit) -> None:
    """A check that finds nothing anywhere proves nothing."""
    visitor: Visitor = await visit(signed_in=False)
    page = await visitor.opens("/signin", "Sign in")
    await page.evaluate("document.querySelector('main').append(new Image(20, 20))")
    await page.evaluate("document.querySelector('main h1').style.color = '#ddd'")
    assert any("image-alt" in fault for fault in await axe.faults(page))
    assert any("color-contrast" in fault for fault in await axe.faults_of_colour(page))
