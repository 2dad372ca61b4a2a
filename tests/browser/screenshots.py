"""Pictures of every page: `python -m tests.browser.screenshots`, or `make screenshots`.

They show a server that is started for it and filled with the demonstration and something of
everything, on a phone and on a desk, light and dark, in `screenshots/`. With `--readme`, those of
the README are made as well, small enough to be kept with the sources: `docs/images/`.
"""

import argparse
import asyncio
import base64
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from playwright.async_api import Browser, Page

from actors import SystemClock
from tests.browser import scenes
from tests.browser.browsers import launched
from tests.browser.sites import running
from tests.browser.visitors import Visitor, visiting
from tests.support import chromium, postgres
from ticketing.demo.fill import fill

_ROOT: Final = Path(__file__).parents[2]
_FOLDER: Final = _ROOT / "screenshots"
_FOLDER_OF_README: Final = _ROOT / "docs" / "images"

_Scheme: TypeAlias = Literal["light", "dark"]
_SCHEMES: Final[tuple[_Scheme, ...]] = ("light", "dark")

_AT_A_TIME: Final = 4  # Visitors side by side: more only wait for each other.


@dataclass(frozen=True)
class _Screen:
    name: str
    width: int
    height: int


_PHONE: Final = _Screen("phone", 390, 844)
_DESK: Final = _Screen("desk", 1440, 900)

# Which are in the README, under which name: view, screen, colours.
_README: Final[tuple[tuple[str, str, _Screen, _Scheme], ...]] = (
    ("tickets", "tickets", _DESK, "light"),
    ("tickets-dark", "tickets", _DESK, "dark"),
    ("event", "event", _DESK, "light"),
    ("ticket-phone", "ticket-reserved", _PHONE, "light"),
    ("checkout-phone", "checkout", _PHONE, "light"),
    ("order-phone", "order-complete", _PHONE, "dark"),
)
_README_BYTES_MAX: Final = 60 * 1024
_QUALITIES: Final = range(90, 20, -10)


async def main(*, readme: bool) -> None:
    """Take all pictures."""
    async with postgres.databases() as databases, running(databases) as site, launched() as browser:
        await fill(site.url, SystemClock().now())  # So that lists are as long as in a shop.
        scene = await scenes.made(browser, site)
        turns = asyncio.Semaphore(_AT_A_TIME)

        async def take(name: str) -> None:
            async with (
                turns,
                visiting(browser, site.url, **scene.options(scene.views[name].who)) as visitor,
            ):
                await _pictures(visitor, name, scene.views[name])

        _FOLDER.mkdir(exist_ok=True)
        await asyncio.gather(*(take(name) for name in scene.views))
        print(f"{len(list(_FOLDER.glob('*.png')))} pictures in {_FOLDER.relative_to(_ROOT)}/")
        if readme:
            await _pictures_of_readme(browser, site.url, scene)


async def _pictures(visitor: Visitor, name: str, view: scenes.View) -> None:
    for screen in (_PHONE, _DESK):
        await _look(visitor, view, screen)
        for scheme in _SCHEMES:
            await visitor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await visitor.page.screenshot(path=_FOLDER / f"{name}-{screen.name}-{scheme}.png")


async def _look(visitor: Visitor, view: scenes.View, screen: _Screen) -> None:
    page = visitor.page
    await page.set_viewport_size({"width": screen.width, "height": screen.height})
    await visitor.opens(view.path, view.heading)
    await visitor.is_live()
    await visitor.has_all()
    await page.wait_for_load_state("networkidle")
    if view.step is not None:
        await view.step(visitor)  # Which waits for what comes of it.


async def _pictures_of_readme(browser: Browser, site: str, scene: scenes.Scene) -> None:
    _FOLDER_OF_README.mkdir(parents=True, exist_ok=True)
    for name, view, screen, scheme in _README:
        async with visiting(browser, site, **scene.options(scene.views[view].who)) as visitor:
            await _look(visitor, scene.views[view], screen)
            await visitor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            picture = await _small(visitor.page)
        path = _FOLDER_OF_README / f"{name}.webp"
        path.write_bytes(picture)
        print(f"{path.relative_to(_ROOT)}: {len(picture)} bytes")


async def _small(page: Page) -> bytes:
    """The page as WebP, as good as it may be within the limit."""
    session = await page.context.new_cdp_session(page)
    for quality in _QUALITIES:
        said = {"format": "webp", "quality": quality}
        answer = await session.send("Page.captureScreenshot", said)
        picture = base64.b64decode(answer["data"])
        if len(picture) <= _README_BYTES_MAX:
            return picture
    raise ValueError(f"{page.url} does not fit into {_README_BYTES_MAX} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Takes pictures of every page.")
    parser.add_argument("--readme", action="store_true", help="those of the README as well")
    arguments = parser.parse_args()
    if chromium.PROGRAM is None:
        sys.exit("screenshots need Chromium: expected chromium or google-chrome, found none")
    asyncio.run(main(readme=arguments.readme))
