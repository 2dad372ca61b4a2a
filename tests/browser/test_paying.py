"""The checkout: cards that pay, cards that do not, and the bank's question in between."""

import re
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser import axe
from tests.browser.browsers import SECONDS
from tests.browser.conftest import Shop, Visit
from tests.browser.sites import Site
from tests.browser.visitors import (
    ASKING_AND_DECLINED_CARD,
    ASKING_CARD,
    DECLINED_CARD,
    DECLINES_MAX,
    GOOD_CARD,
    PAY,
    POOR_CARD,
    Visitor,
)
from tests.support.wait import until

OVER = "The reservation has ended; you were not charged"


async def at_checkout(buyer: Visitor, seller: Visitor, **offer: Any) -> dict[str, Any]:
    """An order of the buyer's, who looks at its checkout."""
    order = await buyer.reserves(await seller.sells(**offer))
    await buyer.opens(f"/checkout/{order['id']}", "Checkout")
    return order


async def is_told(buyer: Visitor, words: str | re.Pattern[str]) -> None:
    """Wait until the alert says *words*."""
    await buyer.page.get_by_role("alert").filter(has_text=words).wait_for()


async def has_paid(buyer: Visitor, order: dict[str, Any], attempts_left: int = 5) -> None:
    """Wait until they are at their order, which is paid for."""
    await buyer.is_at(f"/orders/{order['id']}")
    await buyer.page.locator('[data-status="complete"]').wait_for()
    paid = await buyer.call("GET", f"/api/payments/{order['id']}")
    assert (paid["status"], paid["attemptsLeft"]) == ("captured", attempts_left)


async def test_a_good_card_pays(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    order = await at_checkout(buyer, seller, price="19.99", delivery="Code 1234")
    await buyer.button("Pay $19.99").wait_for()
    await buyer.pays_with(GOOD_CARD)
    await has_paid(buyer, order)
    await buyer.page.get_by_text("Code 1234").wait_for()
    timeline = buyer.page.get_by_role("region", name="Payment").get_by_role("listitem")
    await expect(timeline).to_have_count(3)
    await expect(timeline.last).to_contain_text("Paid")


async def test_a_price_without_cents_is_charged_as_it_is(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    order = await at_checkout(buyer, seller, price=1500, currency="jpy")
    await buyer.pays_with(ASKING_CARD)
    await buyer.bank.get_by_text("¥1,500").wait_for()
    await buyer.answers_bank(passes=True)
    await has_paid(buyer, order)


async def test_a_declined_card_leaves_the_form_and_another_one_pays(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    buyer.expects_statuses(402)
    order = await at_checkout(buyer, seller)
    await buyer.pays_with(DECLINED_CARD)
    await is_told(buyer, "The card was declined. 4 attempts left.")
    await expect(buyer.card_form.get_by_label("Card number")).to_be_focused()
    await buyer.pays_with(POOR_CARD)
    await is_told(buyer, "The card has insufficient funds. 3 attempts left.")
    await buyer.is_at(f"/checkout/{order['id']}")
    await buyer.pays_with(GOOD_CARD)
    await has_paid(buyer, order, attempts_left=3)
    await buyer.page.get_by_text("The card has insufficient funds.").wait_for()


async def test_the_last_declined_card_ends_the_order(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    buyer.expects_statuses(402)
    order = await at_checkout(buyer, seller)
    for _ in range(DECLINES_MAX - 1):
        await buyer.is_declined(order)
    await buyer.pays_with(DECLINED_CARD)
    await is_told(buyer, "declined too often")
    await expect(buyer.button(PAY)).to_have_count(0)


async def test_what_is_no_card_is_said_beside_its_field(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    order = await at_checkout(buyer, seller)
    await buyer.pays_with("4242 4242 4242 4241")
    number = buyer.card_form.get_by_label("Card number")
    await expect(number).to_have_attribute("aria-invalid", "true")
    await expect(number).to_be_focused()
    await buyer.is_at(f"/checkout/{order['id']}")
    orders = await buyer.call("GET", "/api/orders")
    assert [each["status"] for each in orders] == ["created"]


async def test_a_double_click_on_pay_is_one_payment(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    order = await at_checkout(buyer, seller)
    await buyer.fills_card(GOOD_CARD)
    await buyer.button(PAY).dblclick()
    await has_paid(buyer, order)


async def test_who_answers_the_bank_has_paid(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    order = await at_checkout(buyer, seller)
    await buyer.pays_with(ASKING_CARD)
    await buyer.answers_bank(passes=True)
    await has_paid(buyer, order)


async def test_who_does_not_pass_pays_with_another_card(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    buyer.expects_statuses(402)
    order = await at_checkout(buyer, seller)
    await buyer.pays_with(ASKING_CARD)
    await buyer.answers_bank(passes=False)
    await is_told(buyer, "could not make sure that it was you. 4 attempts left.")
    await expect(buyer.page.locator('iframe[title^="3-D Secure"]')).to_have_count(0)
    await buyer.pays_with(ASKING_AND_DECLINED_CARD)
    await buyer.answers_bank(passes=True)
    await is_told(buyer, "declined. 3 attempts left.")
    await buyer.pays_with(GOOD_CARD)
    await has_paid(buyer, order, attempts_left=3)


@pytest.mark.parametrize("passes", [True, False])
async def test_after_a_reload_the_bank_still_waits(visit: Visit, *, passes: bool) -> None:
    seller, buyer = await visit(), await visit()
    buyer.expects_statuses(402)
    order = await at_checkout(buyer, seller)
    await buyer.pays_with(ASKING_CARD)
    await buyer.bank.get_by_role("button", name=re.compile("^Pass")).wait_for()
    await buyer.page.reload()
    await buyer.button("Continue with your bank").click()
    await buyer.answers_bank(passes=passes)
    if not passes:
        await is_told(buyer, "4 attempts left.")
        await buyer.pays_with(GOOD_CARD)
    await has_paid(buyer, order, attempts_left=5 if passes else 4)


async def test_after_a_reload_another_card_may_take_its_place(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    order = await buyer.reserves(await seller.sells())
    await buyer.is_asked(order)
    await buyer.opens(f"/checkout/{order['id']}", "Checkout")
    await buyer.button("Use another card").click()
    await buyer.pays_with(GOOD_CARD)
    await has_paid(buyer, order)


async def test_what_is_answered_in_another_window_is_seen_here(visit: Visit) -> None:
    seller, buyer = await visit(), await visit(new_desk=True)
    order = await at_checkout(buyer, seller)
    other = Visitor(buyer.site, buyer.desk, await buyer.desk.context.new_page(), buyer.email)
    await other.opens(f"/checkout/{order['id']}", "Checkout")
    await buyer.pays_with(ASKING_CARD)
    await other.button("Continue with your bank").wait_for()
    await other.button("Continue with your bank").click()
    await other.answers_bank(passes=True)
    await has_paid(other, order)
    await buyer.is_at(f"/orders/{order['id']}")
    await buyer.sees_heading("Order")


async def test_a_reservation_that_ends_at_the_bank_charges_nobody(
    hasty_site: Site, visit: Visit
) -> None:
    seller, buyer = await visit(at=hasty_site), await visit(at=hasty_site)
    ticket = await seller.sells()
    order = await buyer.reserves(ticket)
    await buyer.opens(f"/checkout/{order['id']}", "Checkout")
    await buyer.pays_with(ASKING_CARD)
    await buyer.bank.get_by_role("button", name=re.compile("^Pass")).wait_for()
    ended = buyer.page.get_by_role("alert").filter(has_text=OVER)
    await ended.wait_for(timeout=2 * SECONDS * 1000)
    await expect(buyer.page.locator("iframe")).to_have_count(0)
    await expect(buyer.button(PAY)).to_have_count(0)

    async def is_void() -> bool:
        payment = await buyer.call("GET", f"/api/payments/{order['id']}")
        return bool(payment["status"] == "voided")

    await until(is_void, "the payment is void")
    await ended.wait_for()
    again = await buyer.call("GET", f"/api/tickets/{ticket['id']}")
    assert again["status"] == "available"


async def test_what_is_not_known_yet_is_waited_for(visit: Visit) -> None:
    """The answer is lost on the way; the order tells how it ended."""
    seller, buyer = await visit(), await visit(new_desk=True)
    order = await at_checkout(buyer, seller)

    async def forget(route: Route) -> None:
        await route.fetch()
        said = {"id": order["id"], "orderId": order["id"], "status": "processing"}
        await route.fulfill(status=202, json=said)

    await buyer.page.route("**/api/payments", forget)
    await buyer.pays_with(GOOD_CARD)
    await has_paid(buyer, order)


REFUSALS = [
    (503, "provider_unavailable", {}, "cannot be reached right now. Nothing was charged"),
    (429, "rate_limited", {"Retry-After": "120"}, "Too many tries. Try again in 2 minutes."),
]


@pytest.mark.parametrize(("status", "code", "headers", "words"), REFUSALS)
async def test_what_is_refused_is_said_in_words_and_may_be_tried_again(
    visit: Visit, status: int, code: str, headers: dict[str, str], words: str
) -> None:
    seller, buyer = await visit(), await visit(new_desk=True)
    buyer.expects_statuses(status)
    order = await at_checkout(buyer, seller)
    said = {"status": status, "code": code, "title": "No", "detail": "No."}
    await buyer.page.route(
        "**/api/payments",
        lambda route: route.fulfill(status=status, json=said, headers=headers),
        times=1,
    )
    await buyer.pays_with(GOOD_CARD)
    await is_told(buyer, words)
    await buyer.button(PAY).click()
    await has_paid(buyer, order)


async def test_a_form_that_does_not_come_is_told_and_comes_again(visit: Visit) -> None:
    seller, buyer = await visit(), await visit(new_desk=True)
    buyer.expects("ERR_FAILED")
    await buyer.desk.context.route("**/v3.js", lambda route: route.abort())
    order = await at_checkout(buyer, seller)
    await is_told(buyer, "The payment form cannot be loaded")
    assert await axe.faults(buyer.page) == []
    await buyer.desk.context.unroute("**/v3.js")
    await buyer.button("Try again").click()
    await buyer.pays_with(GOOD_CARD)
    await has_paid(buyer, order)


async def test_only_the_checkout_lets_the_provider_in(visit: Visit) -> None:
    """Wherever one comes from, and wherever one goes: its policy is that of the document."""
    seller, buyer = await visit(), await visit()
    ticket = await seller.sells()
    page = await buyer.opens(f"/tickets/{ticket['id']}", ticket["title"])
    policies: dict[str, str] = {}

    async def note() -> None:
        answer = await page.request.get(page.url, headers={"Accept": "text/html"})
        policies[page.url.split("/")[3]] = answer.headers["content-security-policy"]
        navigation = await page.evaluate("performance.getEntriesByType('navigation')[0].name")
        assert ("/checkout/" in navigation) == ("/checkout/" in page.url)

    await note()
    await buyer.button("Buy").click()
    await buyer.sees_heading("Checkout")
    await buyer.card_form.get_by_label("Card number").wait_for()
    await note()
    await page.get_by_role("navigation").first.get_by_role("link", name="My orders").click()
    await buyer.sees_heading("My orders")
    await note()
    await page.go_back()
    await buyer.sees_heading("Checkout")
    await note()
    await page.go_back()
    await buyer.sees_heading(ticket["title"])
    await note()
    await page.go_forward()
    await buyer.card_form.get_by_label("Card number").wait_for()
    assert "frame-src" in policies["checkout"]
    assert "frame-src" not in policies["tickets"] + policies["orders"]


async def test_a_refunded_order_says_so(shop: Shop, visit: Visit) -> None:
    view = shop.scene.views["order-refunded"]
    visitor = await visit(at=shop.site, signed_in=False, **shop.scene.options(view.who))
    page = await visitor.opens(view.path, view.heading)
    await page.get_by_text("Cancelled: refunded").wait_for()
    await page.get_by_text("go back to your card").wait_for()
    timeline = page.get_by_role("region", name="Payment").get_by_role("listitem")
    await expect(timeline.last).to_contain_text("The money was given back to your card")


async def test_a_seller_sees_what_they_have_earned(visit: Visit) -> None:
    seller, buyer = await visit(), await visit()
    page = await seller.opens("/listings", "My listings")
    await seller.is_live()
    order = await buyer.reserves(await seller.sells(price="19.99"))
    earned = page.get_by_role("region", name="What you have earned")
    await expect(earned).to_have_count(0)
    await buyer.call("POST", "/api/payments", {"orderId": order["id"], "token": "tok_visa"})
    await expect(earned).to_contain_text("$19.99")
