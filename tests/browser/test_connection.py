"""The server goes and comes back, the network too: what the page shows meanwhile, and after."""

from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.sites import Site
from tests.browser.visitors import Visitor

# Between two tries a page pauses for a random part of up to 20 s; here for a twentieth of that.
NO_LUCK = "Math.random = () => 0.05;"


async def has_banner(visitor: Visitor, text: str) -> None:
    banner = visitor.page.locator("#connection")
    await expect(banner).to_have_attribute("role", "status")
    await expect(banner).to_contain_text(text)
    await expect(banner).to_be_visible()


async def test_a_restart_of_the_server_heals_by_itself(hasty_site: Site, visit: Visit) -> None:
    server, port = hasty_site, hasty_site.port
    seller, watcher = await visit(at=server), await visit(at=server, new_desk=True)
    await watcher.page.add_init_script(NO_LUCK)
    watcher.expects("WebSocket connection to .* failed", "ERR_CONNECTION_REFUSED")
    ticket = await seller.sells()
    await watcher.opens(f"/tickets/{ticket['id']}", ticket["title"])
    await watcher.is_live()
    await expect(watcher.page.locator("#connection")).to_be_hidden()
    await server.kill()
    await has_banner(watcher, "Reconnecting")
    await expect(watcher.page.locator("html")).not_to_have_attribute("data-live", "connected")
    # Meanwhile something changes, out of the page's sight: at another address.
    await server.start()
    seller.site = server.url
    title = f"{ticket['title']} changed"
    await seller.call("PUT", f"/api/tickets/{ticket['id']}", {"title": title, "price": 30})
    await expect(watcher.button("Buy")).to_be_disabled()
    await server.stop()
    await server.start(port)
    await watcher.is_live()
    await has_banner(watcher, "Back online")
    await watcher.sees_heading(title)
    await expect(watcher.page.locator("#connection")).to_be_hidden()
    await expect(watcher.button("Buy")).to_be_enabled()
    await watcher.button("Buy").click()
    await watcher.sees_heading("Checkout")


async def test_without_a_network_the_page_says_so_and_catches_up_after(visit: Visit) -> None:
    seller, buyer, watcher = await visit(), await visit(), await visit()
    watcher.expects("ERR_INTERNET_DISCONNECTED", "WebSocket")
    ticket = await seller.sells()
    await watcher.opens(f"/tickets/{ticket['id']}", ticket["title"])
    await watcher.is_live()
    await watcher.desk.context.set_offline(offline=True)
    await has_banner(watcher, "You are offline")
    await expect(watcher.page.locator("html")).to_have_attribute("data-live", "offline")
    await buyer.reserves(ticket)
    await watcher.sees(ticket, "available")
    await watcher.desk.context.set_offline(offline=False)
    await watcher.sees(ticket, "reserved")
    await watcher.is_live()


async def test_a_list_catches_up_too(visit: Visit) -> None:
    seller, watcher = await visit(), await visit(signed_in=False)
    watcher.expects("ERR_INTERNET_DISCONNECTED", "WebSocket")
    ticket = await seller.sells()
    await watcher.opens("/", "Tickets")
    await expect(watcher.ticket(ticket)).to_be_visible()
    await watcher.is_live()
    await watcher.desk.context.set_offline(offline=True)
    await has_banner(watcher, "You are offline")
    await seller.call("DELETE", f"/api/tickets/{ticket['id']}")
    later: dict[str, Any] = await seller.sells()
    await watcher.desk.context.set_offline(offline=False)
    await expect(watcher.ticket(ticket)).not_to_have_attribute("data-status", "available")
    pill = watcher.page.get_by_role("button").filter(has_text="new ticket")
    await pill.click()
    await expect(watcher.ticket(later)).to_be_visible()
