"""What the sandbox serves to browsers: its `v3.js`, what that shows in frames, and its own page.

    /v3.js          behaves as Stripe.js does, for the calls that the checkout makes
    /v3/card        the card's fields: the only place where a card number is typed in
    /v3/bank        the test bank's question: 3-D Secure
    /_sandbox       what the sandbox holds, for people

As with Stripe, the frames have the sandbox's own origin, so that the page around them cannot look
into them; they and the page speak through a port that both have made sure of.

The files are in `browser/`, read once. Each document has a policy of its own, without `unsafe-*`.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from aiohttp import hdrs, web

__all__ = ["add_browser_routes"]

_FOLDER: Final = Path(__file__).parent / "browser"

_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
}

# The shop may have any name: that of this machine, of a container, an IPv6 address, which cannot be
# written in a policy. There is nothing in the frames that another page could have of them.
_ANY_PAGE: Final = "*"


class _File(NamedTuple):
    name: str
    ancestors: str | None = None
    """Which pages may show it in a frame; None: it is no document."""


_FILES: Final = {
    "/v3.js": _File("v3.js"),
    "/v3/card": _File("card.html", _ANY_PAGE),
    "/v3/card.js": _File("card.js"),
    "/v3/bank": _File("bank.html", _ANY_PAGE),
    "/v3/bank.js": _File("bank.js"),
    "/v3/frame.css": _File("frame.css"),
    "/v3/frame.js": _File("frame.js"),
    "/_sandbox": _File("books.html", "'none'"),
    "/_sandbox/books.css": _File("books.css"),
    "/_sandbox/books.js": _File("books.js"),
}

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_browser_routes(app: web.Application) -> None:
    """Let *app* serve the files."""
    for path, file in _FILES.items():
        app.router.add_get(path, _serving(file))


def _serving(file: _File) -> _Handler:
    path = _FOLDER / file.name
    body = path.read_bytes()
    headers = {
        hdrs.CONTENT_TYPE: f"{_TYPES[path.suffix]}; charset=utf-8",
        # Its port may be another sandbox's tomorrow.
        hdrs.CACHE_CONTROL: "no-store",
        # The script is for pages of other origins; the rest is loaded by the frames alone.
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if file.ancestors is not None:
        headers["Content-Security-Policy"] = _policy(file.ancestors)

    async def serve(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=headers)

    return serve


def _policy(ancestors: str) -> str:
    """Its own files and its own addresses, and nothing that is written into a page."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {ancestors}",
        )
    )
