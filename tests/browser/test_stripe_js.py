"""The sandbox's `v3.js`: to a page it is what Stripe.js is, and no page ever sees a card.

The page is none of ours: whatever our checkout makes of it is told elsewhere.
"""

from typing import Final, Literal

import pytest
from playwright.async_api import Error, expect

from tests.browser import axe
from tests.browser.till import CARD_FRAME, GOOD_CARD, Till, paying
from tests.support.sandbox import CARD_FIELDS, INTENTS, PUBLISHABLE_KEY

SCHEMES: Final[tuple[tuple[Literal["light", "dark"], str, str], ...]] = (
    ("light", "stripe", "#fff"),
    ("dark", "night", "#191d23"),
)
"""The colours that a person likes, Stripe's theme for that, and what is behind it in our page."""


async def test_a_card_becomes_a_token_that_pays_and_the_page_sees_none_of_it(till: Till) -> None:
    await till.fills(GOOD_CARD)
    assert await till.submits() == {"selectedPaymentMethod": "card"}
    made = (await till.tokenizes())["confirmationToken"]
    assert made["id"].startswith("ctoken_")
    assert made["payment_method_preview"]["card"]["last4"] == "4242"
    paid = await till.wire.post(INTENTS, paying(made["id"]))
    assert (paid.status, paid.body["status"]) == (200, "requires_capture")
    change = [event for type_, event in await till.page.evaluate("heard") if type_ == "change"][-1]
    assert change == {
        "elementType": "payment",
        "complete": True,
        "empty": False,
        "collapsed": False,
        "value": {"type": "card"},
    }
    for seen in ("document.documentElement.outerHTML", "JSON.stringify([heard, said])"):
        assert "4242 4242" not in await till.page.evaluate(seen)
    with pytest.raises(Error, match="cross-origin"):
        await till.page.evaluate("document.querySelector('iframe').contentWindow.document")


async def test_a_token_is_for_the_page_that_it_comes_back_to(till: Till) -> None:
    await till.fills(GOOD_CARD)
    await till.submits()
    made = await till.page.evaluate(
        "stripe.createConfirmationToken({ elements, params: { return_url: location.href } })"
    )
    assert made["confirmationToken"]["return_url"] == till.page.url


async def test_what_is_wrong_is_said_beside_its_field(till: Till) -> None:
    number, expiry = till.card.get_by_label("Card number"), till.card.get_by_label("Expiration")
    said = await till.submits()
    assert said == {
        "error": {
            "type": "validation_error",
            "code": "incomplete_number",
            "message": "Your card number is incomplete.",
        }
    }
    await expect(number).to_be_focused()
    await expect(number).to_have_accessible_description("Your card number is incomplete.")
    await till.fills("4242 4242 4242 4241", "11 / 20")
    assert (await till.submits())["error"]["code"] == "invalid_number"
    await till.fills(GOOD_CARD, "11 / 20")
    await expect(number).not_to_have_attribute("aria-invalid", "true")
    assert (await till.submits())["error"]["code"] == "invalid_expiry_year_past"
    await expect(expiry).to_be_focused()


async def test_only_test_cards_are_taken(till: Till) -> None:
    await till.fills("4539 5787 6362 1486")
    await till.submits()
    error = (await till.tokenizes())["error"]
    assert (error["type"], error["decline_code"]) == ("card_error", "test_mode_live_card")
    assert "responded with a status of 402" in till.desk.complaints.pop()


async def test_a_number_is_written_as_it_is_on_a_card(till: Till) -> None:
    number, expiry = till.card.get_by_label("Card number"), till.card.get_by_label("Expiration")
    await number.press_sequentially("42424242")
    await expect(number).to_have_value("4242 4242")
    await number.press("Home")
    await number.press("ArrowRight")
    await number.press_sequentially("0")
    await expect(number).to_have_value("4024 2424 2")
    assert await number.evaluate("(field) => field.selectionStart") == 2
    await expiry.press_sequentially("734")
    await expect(expiry).to_have_value("07 / 34")
    await expiry.fill("07/2034")
    await expect(expiry).to_have_value("07 / 34")


async def test_a_frame_that_does_not_come_is_told_of(till: Till) -> None:
    await till.page.clock.install()
    await till.page.route("**/v3/card", lambda route: route.fulfill(body=""))
    await till.page.evaluate("""() => {
      const element = elements.getElement("payment");
      window.failure = new Promise((resolve) => element.on("loaderror", resolve));
      element.unmount();
      element.mount(document.getElementById("place"));
    }""")
    await till.page.clock.fast_forward(10_000)
    failure = await till.page.evaluate("failure")
    assert failure["elementType"] == "payment"
    assert failure["error"]["type"] == "api_connection_error"
    # And nobody waits for ever for what it would say.
    assert (await till.submits())["error"]["type"] == "api_connection_error"


@pytest.mark.parametrize(
    ("path", "ancestors"), [("/v3/card", "*"), ("/v3/bank", "*"), ("/_sandbox", "'none'")]
)
async def test_each_page_of_the_sandbox_has_a_strict_policy(
    till: Till, path: str, ancestors: str
) -> None:
    """A shop may have any name, so the frames may be in any page; they run only what is theirs."""
    headers = (await till.page.request.get(till.base + path)).headers
    guard = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert guard["default-src"] == "'none'"
    assert guard["script-src"] == guard["style-src"] == guard["connect-src"] == "'self'"
    assert guard["frame-ancestors"] == ancestors
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


async def test_the_fields_have_the_looks_that_they_are_given(till: Till) -> None:
    looks = {"variables": {"colorText": "rgb(1, 2, 3)"}, "rules": {".Input": {"padding": "3px"}}}
    await till.page.evaluate("(appearance) => elements.update({ appearance })", looks)
    number = till.card.get_by_label("Card number")
    await expect(number).to_have_css("color", "rgb(1, 2, 3)")
    await expect(number).to_have_css("padding-top", "3px")
    frame = till.page.locator(CARD_FRAME)
    before = await frame.evaluate("(element) => element.clientHeight")
    await till.submits()  # Three lines more.
    await expect(till.card.get_by_text("incomplete")).to_have_count(3)
    await till.page.wait_for_function(
        "([name, before]) => document.querySelector(name).clientHeight > before",
        arg=[CARD_FRAME, before],
    )
    hidden = "document.documentElement.scrollHeight > innerHeight"
    assert not await till.frame("/v3/card").evaluate(hidden)


MISTAKES: Final = {
    "Stripe('sk_test_1')": "publishable key",
    "Stripe('pk_live_1')": "test keys",
    "stripe.elements({ mode: 'payment', amount: 20.5, currency: 'usd' })": "amount",
    "stripe.elements({ mode: 'payment', amount: 20, currency: 'dollars' })": "currency",
    "stripe.elements({ mode: 'payment', amount: 20, currency: 'usd', paymentMethodTypes: [] })": (
        "allowedPaymentMethodTypes"
    ),
    "stripe.elements({ clientSecret: 'pi_1_secret_1' })": "deferred",
    "elements.create('payment')": "one Element",
    "elements.create('card')": "card",
    "stripe.createConfirmationToken({ elements })": "submit",
    "stripe.createConfirmationToken({})": "Elements",
    "stripe.retrievePaymentIntent('pi_1')": "client secret",
}


async def test_mistakes_of_the_page_are_thrown_as_stripe_throws_them(till: Till) -> None:
    for act, why in MISTAKES.items():
        said = await till.thrown(act)
        assert said.startswith("IntegrationError: "), act
        assert why in said, act


async def test_an_intent_is_shown_to_who_has_its_secret(till: Till) -> None:
    intent = await till.is_to_be_asked()
    retrieve, secret = "(secret) => stripe.retrievePaymentIntent(secret)", intent["client_secret"]
    shown = await till.page.evaluate(retrieve, secret)
    assert shown["paymentIntent"]["status"] == "requires_action"
    assert "metadata" not in shown["paymentIntent"]
    refused = await till.page.evaluate(retrieve, f"{secret[:-1]}_")
    assert refused["error"]["code"] == "resource_missing"
    assert "404" in till.desk.complaints.pop()


# What a page has to have, and a part of one must not.
OF_PAGES: Final = ("landmark-one-main", "page-has-heading-one")


async def test_the_frames_are_in_nobodys_way(till: Till) -> None:
    async def look(path: str) -> list[str]:
        frame, found = till.frame(path), []
        for scheme, theme, ground in SCHEMES:
            await till.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            dress = "(theme) => elements.update({ appearance: { theme } })"
            await till.page.evaluate(dress, theme)
            await till.card.locator(f"html[data-theme={theme}]").wait_for()
            if path == "/v3/card":  # Nothing is behind it that axe could see.
                await frame.evaluate(
                    "(colour) => (document.body.style.background = colour)", ground
                )
            found += [f"{path}, {scheme}: {fault}" for fault in await axe.faults(frame)]
        return [fault for fault in found if not any(rule in fault for rule in OF_PAGES)]

    await till.submits()
    found = await look("/v3/card")
    await till.asks_bank()
    assert found + await look("/v3/bank") == []


async def test_people_see_what_the_sandbox_holds(till: Till) -> None:
    await till.wire.captured()
    await till.is_to_be_asked()
    for name in ("visa_chargeDeclinedInsufficientFunds", "visa"):
        await till.wire.pay(f"pm_card_{name}")
    page = till.page
    await page.goto(f"{till.base}/_sandbox")
    await expect(page.get_by_role("status")).to_have_text("4 in all.")
    table = page.get_by_role("table")
    for words in ("captured", "waits for the card holder", "insufficient_funds", "authorised"):
        await expect(table).to_contain_text(words)
    assert "_secret_" not in await page.content()
    found = []
    for width in (360, 1440):
        await page.set_viewport_size({"width": width, "height": 800})
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        for scheme, _, _ in SCHEMES:
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += await axe.faults(page)
    assert found == []
    await page.get_by_role("button", name="Refresh by itself").click()
    await till.wire.post("/v1/confirmation_tokens", CARD_FIELDS, bearer=PUBLISHABLE_KEY)
    await till.wire.captured()
    await expect(page.get_by_role("status")).to_have_text("5 in all.")
