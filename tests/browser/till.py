"""A shop that is none of ours, with the card fields of the sandbox's `v3.js` in its page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from playwright.async_api import Browser, Frame, FrameLocator, Locator, Page, expect

from tests.browser.browsers import Desk
from tests.support.sandbox import INTENTS, PUBLISHABLE_KEY, Wire, wire_to
from ticketing.payments.sandbox import running_sandbox
from web import policy
from web.provider import Provider

__all__ = [
    "BANK_FRAME",
    "BEGIN",
    "CARD_FRAME",
    "GOOD_CARD",
    "Till",
    "at_till",
    "paying",
    "serve",
]

GOOD_CARD = "4242 4242 4242 4242"


CARD_FRAME: Final = 'iframe[title="Secure payment input frame"]'


BANK_FRAME: Final = 'iframe[title^="3-D Secure"]'


_DOCUMENT: Final = """<!doctype html>
<html lang="en"><head><title>A shop</title><link rel="icon" href="data:,"></head>
<body><main><h1>A shop</h1><div id="place"></div><button id="pay">Pay</button></main>
<script src="{base}/v3.js"></script></body></html>"""


BEGIN: Final = """
([key, appearance]) => new Promise((resolve, reject) => {
  window.heard = [];
  window.said = [];
  window.addEventListener("message", ({ data }) => window.said.push(data));
  window.stripe = Stripe(key);
  window.elements = stripe.elements({
    mode: "payment", amount: 2000, currency: "usd", captureMethod: "manual",
    allowedPaymentMethodTypes: ["card"], appearance,
  });
  const element = elements.create("payment", { wallets: { applePay: "never" } });
  for (const type of ["change", "focus", "escape"]) {
    element.on(type, (event) => heard.push([type, event]));
  }
  element.once("ready", resolve);
  element.on("loaderror", ({ error }) => reject(new Error(error.message)));
  element.mount("#place");
})
"""


THROWN: Final = """
async (act) => {
  try {
    await eval(act)();
    return "";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}
"""


@dataclass
class Till:
    """A page with the card's fields, and the sandbox that they are from."""

    page: Page
    desk: Desk
    wire: Wire
    base: str

    @property
    def card(self) -> FrameLocator:
        return self.page.frame_locator(CARD_FRAME)

    @property
    def bank(self) -> FrameLocator:
        return self.page.frame_locator(BANK_FRAME)

    def frame(self, path: str) -> Frame:
        found = self.page.frame(url=f"{self.base}{path}")
        assert found is not None
        return found

    def button(self, name: str) -> Locator:
        """One of the bank's."""
        return self.bank.get_by_role("button", name=name)

    async def fills(self, number: str, expiry: str = "12 / 34", code: str = "123") -> None:
        for label, value in (
            ("Card number", number),
            ("Expiration date", expiry),
            ("Security code", code),
        ):
            await self.card.get_by_label(label).fill(value)

    async def submits(self) -> Any:
        return await self.page.evaluate("elements.submit()")

    async def tokenizes(self) -> Any:
        return await self.page.evaluate("stripe.createConfirmationToken({ elements })")

    async def asks_bank(self, number: str = "4000002760003184") -> dict[str, Any]:
        """An intent whose card holder is being asked, in the page."""
        intent = await self.is_to_be_asked(number)
        await self.page.focus("#pay")
        await self.page.evaluate(
            "(clientSecret) => void (window.answer = stripe.handleNextAction({ clientSecret }))",
            intent["client_secret"],
        )
        await expect(self.button("Pass")).to_be_enabled()
        return intent

    async def is_to_be_asked(self, number: str = "4000002760003184") -> dict[str, Any]:
        fields = paying(await self.wire.token(number))
        body: dict[str, Any] = (await self.wire.post(INTENTS, fields)).body
        assert body["status"] == "requires_action"
        return body

    async def answer(self) -> Any:
        return await self.page.evaluate("answer")

    async def thrown(self, act: str) -> str:
        """What *act* throws."""
        said: str = await self.page.evaluate(THROWN, f"async () => {act}")
        return said


def paying(token: str) -> dict[str, str]:
    """What our server sends to pay with *token*."""
    return {
        "amount": "2000",
        "currency": "usd",
        "capture_method": "manual",
        "confirm": "true",
        "confirmation_token": token,
    }


async def serve(base: str) -> web.AppRunner:
    """A page on a port of its own, with our checkout's policy."""
    headers = {
        "Content-Type": "text/html",
        policy.HEADER: policy.content_security_policy(provider=Provider.at(base)),
    }

    async def show(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=_DOCUMENT.format(base=base), headers=headers)

    app = web.Application()
    app.router.add_get("/", show)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


@asynccontextmanager
async def at_till(folder: Path, browser: Browser) -> AsyncIterator[Till]:
    """The page, in front of a sandbox on *folder*. What it complained about is told at the end."""
    async with running_sandbox(folder) as base, wire_to(base) as wire:
        runner = await serve(base)
        desk = await Desk.made(browser)
        page = await desk.page()
        await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        await page.evaluate(BEGIN, [PUBLISHABLE_KEY, {}])
        yield Till(page, desk, wire, base)
        await desk.context.close()
        await runner.cleanup()
        assert desk.complaints == []
