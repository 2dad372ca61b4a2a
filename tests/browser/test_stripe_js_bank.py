"""The sandbox's `v3.js`, when the bank has a question: 3-D Secure in the page of somebody else."""

from playwright.async_api import expect

from tests.browser.till import BANK_FRAME, Till
from tests.support.sandbox import INTENTS


async def test_who_passes_is_authorised_and_is_back_where_they_were(till: Till) -> None:
    intent = await till.asks_bank()
    await expect(till.bank.get_by_role("dialog")).to_contain_text("$20.00")
    assert await till.page.evaluate("document.querySelector('main').inert")
    await till.button("Pass").click()
    answer = await till.answer()
    assert (answer["paymentIntent"]["id"], answer["paymentIntent"]["status"]) == (
        intent["id"],
        "requires_capture",
    )
    await expect(till.page.locator(BANK_FRAME)).to_have_count(0)
    assert not await till.page.evaluate("document.querySelector('main').inert")
    assert await till.page.evaluate("document.documentElement.style.overflow") == ""
    await expect(till.page.locator("#pay")).to_be_focused()


async def test_who_fails_is_told_so(till: Till) -> None:
    await till.asks_bank()
    await till.button("Fail").click()
    error = (await till.answer())["error"]
    assert error["code"] == "payment_intent_authentication_failure"
    assert error["payment_intent"]["status"] == "requires_payment_method"


async def test_who_passes_may_still_be_declined(till: Till) -> None:
    await till.asks_bank("4000008400001629")
    await till.button("Pass").click()
    error = (await till.answer())["error"]
    assert (error["type"], error["code"]) == ("card_error", "card_declined")


async def test_the_bank_is_answered_by_keyboard(till: Till) -> None:
    await till.asks_bank()
    await expect(till.bank.get_by_role("heading")).to_be_focused()
    await till.page.keyboard.press("Tab")
    await expect(till.button("Pass")).to_be_focused()
    await till.page.keyboard.press("Tab")
    await expect(till.button("Fail")).to_be_focused()
    await till.page.keyboard.press("Shift+Tab")
    await till.page.keyboard.press("Enter")
    assert (await till.answer())["paymentIntent"]["status"] == "requires_capture"


async def test_escape_tells_the_bank_that_it_is_not_them(till: Till) -> None:
    await till.asks_bank()
    await till.page.keyboard.press("Escape")
    error = (await till.answer())["error"]
    assert error["code"] == "payment_intent_authentication_failure"
    await expect(till.page.locator(BANK_FRAME)).to_have_count(0)
    await expect(till.page.locator("#pay")).to_be_focused()


async def test_a_bank_that_does_not_come_lets_the_page_go(till: Till) -> None:
    intent = await till.is_to_be_asked()
    await till.page.clock.install()
    await till.page.route("**/v3/bank", lambda route: route.fulfill(body=""))
    await till.page.evaluate(
        "(clientSecret) => void (window.answer = stripe.handleNextAction({ clientSecret }))",
        intent["client_secret"],
    )
    await expect(till.page.locator(BANK_FRAME)).to_have_count(1)
    await till.page.clock.fast_forward(10_000)
    assert (await till.answer())["error"]["type"] == "api_connection_error"
    await expect(till.page.locator(BANK_FRAME)).to_have_count(0)
    assert not await till.page.evaluate("document.querySelector('main').inert")


async def test_a_question_that_came_too_late_closes(till: Till) -> None:
    intent = await till.asks_bank()
    await till.wire.post(f"{INTENTS}/{intent['id']}/cancel", {})
    await till.button("Pass").click()
    assert (await till.answer())["error"]["code"] == "payment_intent_unexpected_state"
    await expect(till.page.locator(BANK_FRAME)).to_have_count(0)
    assert "400" in till.desk.complaints.pop()
    said = await till.thrown(
        f"stripe.handleNextAction({{ clientSecret: '{intent['client_secret']}' }})"
    )
    assert "requires_action" in said
