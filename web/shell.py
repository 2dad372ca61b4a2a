"""The one page of the web client, for all its addresses.

Every route of the client is answered with `web/client/index.html`: so links into the middle of it
work, and what a person sees is decided by the router in the browser. What differs is the list of
modules to load at once, so that a cold first page waits for no chain of imports: all that the
page's module needs, found by following the `import`s when the process starts.

The checkout has a policy of its own, because the payment provider's form needs more than we do. A
document keeps the policy that it was loaded with, wherever the router goes with it. So the browser
*loads* the checkout, however it comes there - by a link, by going back, after signing in
(`web/client/router.js`) - and loads what comes after it, too: nobody who only looks around ever
runs under the wider policy.

An unknown path is a 404. A browser gets the same page with it, which says so in words; a program
gets the problem document as anywhere else.
"""

import base64
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Final

from aiohttp import hdrs, web

from web import policy
from web.gateway import GATEWAY
from web.provider import Provider
from web.static import Files, accepts_gzip, has

__all__ = ["CHECKOUT", "PAGES", "Page", "Shell", "add_pages", "answer", "not_found", "send"]

CHECKOUT: Final = "/checkout/{id}"
"""Where payments are taken."""

PAGES: Final[Mapping[str, str]] = {
    "/": "pages/tickets.js",
    "/events": "pages/events.js",
    "/events/new": "pages/event-new.js",
    "/events/{id}": "pages/event.js",
    "/tickets/{id}": "pages/ticket.js",
    "/tickets/{id}/edit": "pages/ticket-form.js",
    "/sell": "pages/ticket-form.js",
    CHECKOUT: "pages/checkout.js",
    "/orders": "pages/orders.js",
    "/orders/{id}": "pages/order.js",
    "/listings": "pages/listings.js",
    "/signin": "pages/sign-in.js",
    "/signup": "pages/sign-in.js",
    "/account": "pages/account.js",
    "/reset": "pages/reset.js",
    "/admin": "admin/overview.js",
    "/admin/actors": "admin/actors.js",
    "/admin/actors/{kind}/{key}": "admin/actor.js",
    "/admin/timers": "admin/timers.js",
    "/admin/parked": "admin/parked.js",
    "/admin/audit": "admin/audit.js",
}
"""The addresses of the client, and the module that shows each. `web/client/routes.js` has the same
table for the browser; a test holds the two together."""

_NOT_FOUND: Final = "pages/not-found.js"
_ENTRY: Final = "app.js"

_TAG_CHARACTERS: Final = 20  # 80 bits, as files have.

_PACKAGES: Final[Mapping[str, str]] = {
    "preact": "vendor/preact-11.2.0/preact.mjs",
    "preact/hooks": "vendor/preact-11.2.0/hooks.mjs",
    "htm": "vendor/htm-3.1.1/htm.mjs",
    "uplot": "vendor/uplot-1.6.32/uplot.mjs",
    "@preact/signals-core": "vendor/preact-signals-core-1.14.5/signals-core.mjs",
    "@preact/signals": "vendor/preact-signals-2.11.4/signals.mjs",
}
"""What the modules import by name: the import map."""

_IMPORT: Final = re.compile(r"""(?:^|;)import\b[^"'(;]*"([^"\n]+)\"""", re.MULTILINE)
"""An import that is loaded with its module; `import("...")` is loaded when it is called."""

_HTML: Final = re.compile(r"text/html\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """The page as it is sent for one address."""

    body: bytes
    compressed: bytes
    headers: Mapping[str, str]
    tag: str


class Shell:
    """The page as it is sent for each address, made once for the process."""

    def __init__(self, files: Files) -> None:
        self._files = files
        imports = {name: files.address(path) for name, path in _PACKAGES.items()}
        # Escaped for the place that it stands in; the hash is that of the text between the tags.
        self._import_map = json.dumps({"imports": imports}, separators=(",", ":"))
        modules = {*PAGES.values(), _NOT_FOUND}
        self._pages = {module: self.made(module) for module in sorted(modules)}

    @classmethod
    @cache
    def of_client(cls) -> "Shell":
        """That of `web/client/`."""
        return cls(Files.of_client())

    def page(self, module: str) -> Page:
        """The page that will show *module*."""
        return self._pages[module]

    def made(self, module: str, provider: Provider | None = None) -> Page:
        """The page that will show *module*, which may take payments with *provider*."""
        preloads = "\n".join(
            f'<link rel="modulepreload" href="{self._files.address(path)}">'
            for path in self.modules(module)
            if path != _ENTRY  # It has a tag of its own.
        )
        text = (
            self._files.page("index.html")
            .replace("{imports}", self._import_map)
            .replace("{preloads}", preloads)
        )
        body = text.encode()
        headers = self._policies(provider)
        # A browser that keeps a page keeps its policies: with other ones it is another page.
        tag = sha256(body + repr(headers).encode()).hexdigest()[:_TAG_CHARACTERS]
        headers |= {
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.ETAG: f'W/"{tag}"',
            hdrs.VARY: f"{hdrs.ACCEPT}, {hdrs.ACCEPT_ENCODING}",
        }
        return Page(body, Files.compress(body), headers, tag)

    def modules(self, page: str) -> list[str]:
        """All files that *page* needs to be shown: what its modules import, and so on."""
        found: dict[str, None] = {}
        waiting = [page, _ENTRY]
        while waiting:
            path = waiting.pop()
            if path not in found:
                found[path] = None
                waiting += self._imports(path)
        return sorted(found)

    def _imports(self, path: str) -> Iterator[str]:
        for name in _IMPORT.findall(self._files.text(path)):
            if name.startswith("."):
                yield posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            else:
                yield _PACKAGES[name]

    def _policies(self, provider: Provider | None) -> dict[str, str]:
        """What the page may do: what any page may, run the import map written into it, and pay."""
        digest = sha256(self._import_map.encode()).digest()
        written = f"'sha256-{base64.b64encode(digest).decode()}'"
        headers = {
            policy.HEADER: policy.content_security_policy(scripts=[written], provider=provider)
        }
        if provider is not None:
            headers[policy.PERMISSIONS] = policy.permissions(provider)
            # A bank may open a window of its own, and must then find who opened it.
            headers[policy.OPENER] = "same-origin-allow-popups"
        return headers


def send(request: web.Request, page: Page, status: int = 200) -> web.Response:
    """*page* as *request* takes it; nothing of it if the browser has it."""
    if status == web.HTTPOk.status_code and has(request, page.tag):
        return web.Response(status=304, headers=page.headers)
    headers = {**page.headers, hdrs.CONTENT_TYPE: "text/html; charset=utf-8"}
    if accepts_gzip(request):
        headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(status=status, body=page.compressed, headers=headers)
    return web.Response(status=status, body=page.body, headers=headers)


def answer(request: web.Request) -> web.Response:
    """The page for the address that *request* was routed by."""
    resource = request.match_info.route.resource
    assert resource is not None, "only routed requests come here"
    return send(request, Shell.of_client().page(PAGES[resource.canonical]))


def not_found(request: web.Request) -> web.Response | None:
    """What a browser is shown at an address that is none of ours; None: it is not a browser."""
    accepted = ",".join(request.headers.getall(hdrs.ACCEPT, ()))
    is_read = request.method in {hdrs.METH_GET, hdrs.METH_HEAD}
    # Programs are told as programs, whatever they accept: there are no pages under /api.
    if not is_read or request.path.startswith("/api/") or not _HTML.search(accepted):
        return None
    return send(request, Shell.of_client().page(_NOT_FOUND), web.HTTPNotFound.status_code)


def add_pages(app: web.Application) -> None:
    """Let *app* answer the client's addresses. `/` is a `Route`, as it always was."""
    # What is missing in it is a mistake to be told at once.
    shell = Shell.of_client()
    checkout = shell.made(PAGES[CHECKOUT], Provider.at(app[GATEWAY].stripe_base))

    async def take_payment(request: web.Request) -> web.Response:
        return send(request, checkout)

    for path in PAGES:
        if path != "/":
            app.router.add_get(path, take_payment if path == CHECKOUT else _answer)


async def _answer(request: web.Request) -> web.Response:
    return answer(request)
