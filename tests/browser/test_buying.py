"""From the button to the checkout, with what may go wrong in between."""

from playwright.async_api import Request, WebSocketRoute, expect

from tests.browser.conftest import Visit
from tests.browser.visitors import PASSWORD


async def test_a_double_click_on_buy_is_one_order(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    ticket = await seller.sells()
    await buyer.opens(f"/tickets/{ticket['id']}", ticket["title"])
    sent: list[str | None] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(request.headers.get("idempotency-key"))

    buyer.page.on("request", note)
    await buyer.button("Buy").dblclick()
    await buyer.sees_heading("Checkout")
    assert len(await buyer.call("GET", "/api/orders")) == 1
    assert len(set(sent)) == 1, "each click had a key of its own"
    assert sent[0]


async def test_who_is_not_signed_in_signs_in_and_is_back_at_the_ticket(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    ticket = await seller.sells()
    await buyer.desk.context.clear_cookies()
    await buyer.opens(f"/tickets/{ticket['id']}", ticket["title"])
    # A link or a button: what matters is where it leads.
    await buyer.page.get_by_role("main").get_by_text("Buy", exact=True).click()
    await buyer.sees_heading("Sign in")
    await buyer.fills(**{"E-mail": buyer.email, "Password": PASSWORD})
    await buyer.page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await buyer.is_at(f"/tickets/{ticket['id']}")
    await buyer.button("Buy").click()
    await buyer.sees_heading("Checkout")


async def test_nobody_buys_their_own_ticket(visit: Visit) -> None:
    seller = await visit()
    ticket = await seller.sells()
    await seller.opens(f"/tickets/{ticket['id']}", ticket["title"])
    await expect(seller.link("Edit")).to_be_visible()
    await expect(seller.button("Buy")).to_have_count(0)


def without_news(route: WebSocketRoute) -> None:
    """A connection that never tells of a change."""
    server = route.connect_to_server()
    server.on_message(lambda message: None if '"upd"' in str(message) else route.send(message))


async def test_whoever_comes_second_is_told(visit: Visit) -> None:
    seller, first, second = await visit(), await visit(), await visit(new_desk=True)
    second.expects_statuses(409)
    ticket = await seller.sells()
    await second.desk.context.route_web_socket("**/ws", without_news)
    await second.opens(f"/tickets/{ticket['id']}", ticket["title"])
    await second.is_live()
    await first.reserves(ticket)
    await second.button("Buy").click()
    await second.sees(ticket, "reserved")
    await expect(second.page.get_by_role("alert").filter(has_text="reserved")).to_be_visible()


async def test_nobody_pays_another_price_than_they_saw(visit: Visit) -> None:
    seller, buyer = await visit(), await visit(new_desk=True)
    buyer.expects_statuses(409)
    ticket = await seller.sells()
    await buyer.desk.context.route_web_socket("**/ws", without_news)
    await buyer.opens(f"/tickets/{ticket['id']}", ticket["title"])
    await buyer.is_live()
    dearer = {"title": ticket["title"], "price": 30}
    await seller.call("PUT", f"/api/tickets/{ticket['id']}", dearer)
    await expect(buyer.ticket(ticket)).to_contain_text("$20.00")
    await buyer.button("Buy").click()
    await expect(buyer.page.get_by_role("alert").filter(has_text="price")).to_be_visible()
    await expect(buyer.ticket(ticket)).to_contain_text("$30.00")
    assert await buyer.call("GET", "/api/orders") == []
    await buyer.button("Buy").click()
    await buyer.sees_heading("Checkout")
    await buyer.button("Pay $30.00").wait_for()


async def test_an_order_can_be_left_and_taken_up_again(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    order = await buyer.reserves(await seller.sells())
    await buyer.opens(f"/checkout/{order['id']}", "Checkout")
    await buyer.opens("/orders", "My orders")
    await buyer.page.locator(f'a[href="/orders/{order["id"]}"]').first.click()
    await buyer.sees_heading("Order")
    await expect(buyer.button("Cancel order")).to_be_visible()
    again = buyer.page.get_by_role("main").get_by_text("Continue to checkout")
    await again.click()
    await buyer.is_at(f"/checkout/{order['id']}")
