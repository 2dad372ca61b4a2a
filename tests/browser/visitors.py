"""People in a browser, and what they do."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from playwright.async_api import Browser, FrameLocator, Locator, Page

from actors import SystemClock
from tests.browser.browsers import Desk
from tests.support.wait import until

__all__ = [
    "ASKING_AND_DECLINED_CARD",
    "ASKING_CARD",
    "DECLINED_CARD",
    "DECLINES_MAX",
    "GOOD_CARD",
    "PASSWORD",
    "PAY",
    "POOR_CARD",
    "Visitor",
    "card",
    "unique",
    "visiting",
]

PASSWORD: Final = "correct horse battery"
DECLINES_MAX: Final = 5  # The default of TICKETING_PAYMENT_ATTEMPTS.

PAY: Final = re.compile(r"^Pay \S+$")
"""The button of the checkout."""

# Test cards: docs.stripe.com/testing
GOOD_CARD: Final = "4242 4242 4242 4242"
DECLINED_CARD: Final = "4000 0000 0000 0002"
POOR_CARD: Final = "4000 0000 0000 9995"
ASKING_CARD: Final = "4000 0025 0000 3155"
ASKING_AND_DECLINED_CARD: Final = "4000 0084 0000 1629"

_GO: Final = """
(path) => {
  history.pushState({}, "", path);
  dispatchEvent(new PopStateEvent("popstate", { state: {} }));
}
"""


def unique(words: str) -> str:
    """*words* that nobody else in the shared site uses."""
    return f"{words} {uuid4().hex[:8]}"


@dataclass
class Visitor:
    """Somebody at a desk.

    A test fails if their page complained; one that provokes complaints - a refusal is an error in
    Chromium's console - says so by `expects`.
    """

    site: str
    desk: Desk
    page: Page
    email: str = field(default_factory=lambda: f"{uuid4().hex}@example.com")
    _expected: list[re.Pattern[str]] = field(default_factory=list)

    @property
    def unexpected(self) -> list[str]:
        """What their page complained about, without what the test provoked."""
        return [
            said
            for said in self.desk.complaints
            if not any(pattern.search(said) for pattern in self._expected)
        ]

    def expects(self, *patterns: str) -> None:
        """The test provokes complaints like these: regular expressions."""
        self._expected += map(re.compile, patterns)

    def expects_statuses(self, *statuses: int) -> None:
        """The test provokes refusals: Chromium's console calls each an error."""
        self.expects(*(f"responded with a status of {status} " for status in statuses))

    async def opens(self, path: str, heading: str | re.Pattern[str] | None = None) -> Page:
        """Load *path* as a link from elsewhere does; wait for its *heading*."""
        await self.page.goto(self.site + path)
        if heading is not None:
            await self.sees_heading(heading)
        return self.page

    async def goes(self, path: str, heading: str) -> None:
        """Go to *path* within the page, as by its back button: without loading it anew."""
        await self.page.evaluate(_GO, path)
        await self.sees_heading(heading)

    # What follows waits by Playwright's `wait_for`: `expect` pauses up to a second between looks.

    async def sees_heading(self, heading: str | re.Pattern[str]) -> None:
        is_exact = isinstance(heading, str)
        found = self.page.get_by_role("heading", level=1, name=heading, exact=is_exact)
        await found.wait_for()

    async def is_at(self, path: str | re.Pattern[str]) -> None:
        """Wait until the address is *path* and nothing else."""
        pattern = path.pattern if isinstance(path, re.Pattern) else re.escape(path)
        await self.page.wait_for_url(re.compile(f"^{re.escape(self.site)}{pattern}$"))

    async def is_live(self) -> None:
        """Wait until their page is connected."""
        await self.page.locator("html[data-live=connected]").wait_for()

    async def has_all(self) -> None:
        """Wait until nothing is still being loaded for what they see."""
        await self.page.locator("main .skeleton").first.wait_for(state="detached")

    async def sees(self, ticket: dict[str, Any], status: str) -> None:
        """Wait until *ticket* is shown with *status*."""
        selector = f'[data-ticket="{ticket["id"]}"][data-status="{status}"]'
        await self.page.locator(selector).first.wait_for()

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    def ticket(self, ticket: dict[str, Any]) -> Locator:
        """The element that shows *ticket*."""
        return self.page.locator(f'[data-ticket="{ticket["id"]}"]').first

    async def fills(self, **values: str) -> None:
        """Fill fields by their labels, in which `_` is a space."""
        for label, value in values.items():
            await self.field(label.replace("_", " ")).fill(value)

    @property
    def card_form(self) -> FrameLocator:
        """The payment provider's card fields, in a frame of its own."""
        return self.page.frame_locator('iframe[title="Secure payment input frame"]')

    @property
    def bank(self) -> FrameLocator:
        """The bank's question, above the page (3-D Secure)."""
        return self.page.frame_locator('iframe[title^="3-D Secure"]')

    async def fills_card(self, number: str) -> None:
        for label, value in card(number).items():
            await self.card_form.get_by_label(label, exact=True).fill(value)

    async def pays_with(self, number: str) -> None:
        """Fill in the card, and press the button."""
        await self.fills_card(number)
        await self.button(PAY).click()

    async def answers_bank(self, *, passes: bool) -> None:
        """Answer the bank's question, which has to appear."""
        name = re.compile("^Pass" if passes else "^Fail")
        await self.bank.get_by_role("button", name=name).click()

    async def call(
        self, method: str, path: str, data: Any = None, *, headers: dict[str, str] | None = None
    ) -> Any:
        """A request of theirs beside the page, with its cookies; what it answered."""
        answer = await self.desk.context.request.fetch(
            self.site + path, method=method, data=data, headers=headers
        )
        assert answer.ok, f"{method} {path}: {answer.status} {await answer.text()}"
        return await answer.json() if answer.status != 204 else None

    async def signs_up(self) -> None:
        """Open an account, not by the page."""
        await self.call("POST", "/api/users/signup", {"email": self.email, "password": PASSWORD})

    async def id(self) -> str:
        """Their user id."""
        user: dict[str, str] = (await self.call("GET", "/api/users/currentuser"))["currentUser"]
        return user["id"]

    async def sells(self, title: str = "", price: Any = 20, **offer: Any) -> dict[str, Any]:
        """A ticket of theirs, for sale, not by the page."""
        offer = {"title": title or unique("Row"), "price": price, **offer}
        ticket: dict[str, Any] = await self.call("POST", "/api/tickets", offer)
        return ticket

    async def announces(self, name: str = "", **said: Any) -> dict[str, Any]:
        """An event, added not by the page."""
        starts = SystemClock().now() + timedelta(days=40)
        said = {
            "name": name or unique("Derby"),
            "category": "sports",
            "venue": "Lake Arena",
            "city": "Oslo",
            "startsAt": starts.isoformat(timespec="seconds"),
            "timeZone": "Europe/Oslo",
            **said,
        }
        event: dict[str, Any] = await self.call("POST", "/api/events", said)
        return event

    async def reserves(self, ticket: dict[str, Any]) -> dict[str, Any]:
        """An order of theirs for *ticket*, not by the page."""
        order: dict[str, Any] = await self.call("POST", "/api/orders", {"ticketId": ticket["id"]})
        return order

    async def pays(self, order: dict[str, Any]) -> None:
        """Pay for *order*, not by the page."""
        paid = {"orderId": order["id"], "token": "tok_visa"}
        await self.call("POST", "/api/payments", paid)

    async def becomes_admin(self) -> None:
        """Sign in again until the role is there, which was given a moment ago."""
        said = {"email": self.email, "password": PASSWORD}

        async def is_admin() -> bool:
            await self.call("POST", "/api/users/signin", said)
            return (
                "admin"
                in (await self.call("GET", "/api/users/currentuser"))["currentUser"]["roles"]
            )

        await until(is_admin, f"{self.email} is an administrator")

    async def refunds(self, order: dict[str, Any]) -> None:
        """Give the buyer the money back, as an administrator; not by the page."""
        path = f"/api/admin/orders/{order['id']}/refund"
        await self.call("POST", path, {"reason": "The match was called off"})

    async def is_asked(self, order: dict[str, Any]) -> None:
        """Pay for *order* with a card that asks for 3-D Secure, not by the page."""
        said = {"orderId": order["id"], "token": "pm_card_authenticationRequired"}
        paid = await self.call("POST", "/api/payments", said)
        assert paid["status"] == "requires_action"

    async def is_declined(self, order: dict[str, Any]) -> None:
        """Pay for *order* with a card that the bank declines, not by the page."""
        said = {"orderId": order["id"], "token": "tok_chargeDeclined"}
        url = f"{self.site}/api/payments"
        answer = await self.desk.context.request.post(url, data=said)
        assert answer.status == 402, await answer.text()


def card(number: str) -> dict[str, str]:
    """What is typed into the card's fields."""
    return {"Card number": number, "Expiration date": "12/34", "Security code": "123"}


@asynccontextmanager
async def visiting(browser: Browser, site: str, **options: Any) -> AsyncIterator[Visitor]:
    """Somebody new at *site*, at a new desk; *options* are those of a Playwright context."""
    desk = await Desk.made(browser, **options)
    try:
        yield Visitor(site, desk, await desk.page())
    finally:
        await desk.context.close()
