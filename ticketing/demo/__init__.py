"""`ticketing demo`: fills a development system with something to look at.

It is a client like any other: it signs people up, announces events, offers tickets and buys some,
through the REST API of the server at the public URL. If none answers there, it starts one for as
long as that takes. Everything in it is invented.

Layout, in reading order:

- `content`  who, what and where: the same each time, with dates counted from today
- `client`   one person who calls the API
- `fill`     puts up what is missing
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from actors import SystemClock
from ticketing import generated_keys
from ticketing.demo.client import DemoError, answers_at
from ticketing.demo.content import PEOPLE
from ticketing.demo.fill import Made, fill
from ticketing.serve import standing
from ticketing.settings import Settings

__all__ = ["DemoError", "run"]


async def run(settings: Settings) -> str:
    """Put up the demonstration; the lines to print.

    Raises:
        DemoError: not here, or the server does not want it.

    """
    if settings.env == "production":
        raise DemoError("the demonstration is for development, and TICKETING_ENV is production")
    if settings.stripe_key.startswith(("sk_live_", "rk_live_")):
        raise DemoError("the demonstration pays with test cards, and STRIPE_KEY is a live key")
    async with _server(settings) as url:
        made = await fill(url, SystemClock().now())
    return _told(settings, made)


@asynccontextmanager
async def _server(settings: Settings) -> AsyncIterator[str]:
    """Where a server answers: the running one, or one of our own on a free port."""
    if await answers_at(settings.public_url):
        yield settings.public_url
        return
    # Thousands of lines about requests that nobody made would hide the few that matter.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    own = replace(settings, host="127.0.0.1", port=0, public_url="", rate_limits=False)
    async with standing(generated_keys.fill_in(own)) as server:
        yield server.url


def _told(settings: Settings, made: Made) -> str:
    lines = [
        f"put up {made.events} events and {made.tickets} tickets,"
        f" of which {made.sold} are sold and {made.reserved} reserved"
        if made.events or made.tickets
        else "the demonstration is there already; nothing was changed",
        f"look at it at {settings.public_url} and sign in as one of these:",
        *(f"  {person.email:30} {person.password}" for person in PEOPLE),
    ]
    return "\n".join(lines)
