"""The system's Chromium, driven by Playwright: one for everybody, a context a person.

Playwright's own browsers are never downloaded: what is tested with is what people have.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.support import chromium

__all__ = ["SECONDS", "Desk", "launched"]

SECONDS: Final = 10.0
"""How long a page may take for anything: a bound on liveness, many times what it does take."""

_FLAGS: Final = (
    chromium.LOCAL_ONLY,
    "--disable-dev-shm-usage",  # A container's default of 64 MB is too little for it.
    "--disable-gpu",
)

# Where things are said, and prices: the same on every machine.
_PLACE: Final = {"locale": "en-US", "timezone_id": "UTC"}

_POLICY_VIOLATIONS_ARE_ERRORS: Final = """
document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
  console.error(`policy violated: ${effectiveDirective} ${blockedURI}`));
"""

_CLOCK: Final = """
((ahead) => {
  const Real = Date;
  globalThis.Date = class Date extends Real {
    constructor(...given) {
      if (given.length) super(...given);
      else super(Real.now() + ahead);
    }
    static now() {
      return Real.now() + ahead;
    }
  };
  const origin = performance.timeOrigin;
  Object.defineProperty(performance, "timeOrigin", { get: () => origin + ahead });
})(%d);
"""
"""A clock that is wrong by so many milliseconds, wherever a page looks at it."""


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A browser; Playwright starts it with `--no-sandbox`, so root may, too."""
    assert chromium.PROGRAM is not None, "there is no Chromium here"
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=chromium.PROGRAM, args=_FLAGS, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            await browser.close()


class Desk:
    """A browser context, hence cookies, storage and a cache of its own, and the page in it.

    What the page complains about is kept in `complaints`: errors in the console, exceptions that
    nobody caught, violations of the Content Security Policy, crashes.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []
        self._page: Page | None = None

    @classmethod
    async def made(
        cls, browser: Browser, *, clock_ahead: timedelta = timedelta(0), **options: Any
    ) -> "Desk":
        """A new one; *options* are those of a Playwright context."""
        context = await browser.new_context(**{**_PLACE, **options})
        context.set_default_timeout(SECONDS * 1000)
        await context.add_init_script(_POLICY_VIOLATIONS_ARE_ERRORS)
        if clock_ahead:
            await context.add_init_script(_CLOCK % (clock_ahead / timedelta(milliseconds=1)))
        return cls(context)

    async def page(self) -> Page:
        """The page, blank at first."""
        if self._page is None:
            self._page = await self.context.new_page()
            self._page.on("console", self._hear)
            self._page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
            self._page.on("crash", lambda _: self.complaints.append("the page crashed"))
        return self._page

    async def clear(self) -> None:
        """Leave it to somebody else: nobody is signed in, nothing is open. The cache stays."""
        if self._page is not None:
            await self._page.goto("about:blank")
        await self.context.clear_cookies()
        self.complaints.clear()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "assert"}:
            self.complaints.append(f"{message.text} ({message.location['url']})")
