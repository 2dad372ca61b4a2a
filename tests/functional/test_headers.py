"""What browsers are told with every answer, whatever it is an answer to."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from multidict import CIMultiDict

from tests.functional.problems import NO_ID
from tests.functional.running_site import PASSWORD, Program, Site, running
from tests.functional.test_slow_clients import connected
from tests.support import postgres
from web import openapi, pages, shell, static
from web.app import ROUTES

ALWAYS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "ticketing",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
OF_DOCUMENTS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "DENY",
}
OF_THE_CHECKOUT = {
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(self ",
}

JSON = {"Content-Type": "application/json"}

DOCUMENTED = json.loads(openapi.describe(ROUTES))["paths"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def secure(databases: postgres.Databases) -> AsyncIterator[Site]:
    """A site that is reached by https, as far as it knows."""
    dsn = await databases.create()
    with postgres.data_folder() as folder:
        async with running(dsn, folder / "var", public_url="https://tickets.test") as site:
            yield site
    await databases.drop(dsn)


def refuse_unless_told(headers: Mapping[str, str], *, is_file: bool = False) -> None:
    """Check what any answer has to have."""
    expected = ALWAYS if is_file else ALWAYS | OF_DOCUMENTS
    assert {name: headers.get(name) for name in expected} == expected
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"]
    assert headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for path, said in DOCUMENTED.items() for method in said]
)
async def test_every_route_tells_strangers_and_the_signed_in(
    secure: Site, method: str, path: str
) -> None:
    asked = path.replace("{id}", NO_ID).replace("{kind}", "ticket").replace("{key}", NO_ID)
    for caller in (secure, secure.program(roles=("admin",))):
        answer = await caller.call(method.upper(), asked)
        refuse_unless_told(answer.headers)
        if isinstance(caller, Program) and "security" in DOCUMENTED[path][method]:
            assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [path for path in shell.PAGES if path != shell.CHECKOUT])
async def test_every_page(secure: Site, path: str) -> None:
    refuse_unless_told((await secure.call("GET", path)).headers)


async def test_the_page_that_takes_payments_may_ask_for_one(secure: Site) -> None:
    headers = CIMultiDict((await secure.call("GET", f"/checkout/{NO_ID}")).headers)
    for name, value in OF_THE_CHECKOUT.items():
        assert headers[name].startswith(value)
    headers.update(OF_DOCUMENTS)
    refuse_unless_told(headers)


async def test_files(secure: Site) -> None:
    for name in ("app.js", "base.css", "no-such-file.js"):
        answer = await secure.call("GET", f"{static.FOLDER}release/{name}")
        refuse_unless_told(answer.headers, is_file=True)


@pytest.mark.parametrize(
    ("status", "asked", "options"),
    [
        (404, "GET /nowhere", {}),
        (404, "GET /nowhere", {"headers": {"Accept": "text/html"}}),
        (405, "PATCH /api/tickets", {}),
        (413, "POST /api/users/signin", {"data": b" " * 70_000, "headers": JSON}),
        (415, "POST /api/users/signin", {"data": b"{}", "headers": {"Content-Type": "a/b"}}),
        (417, "POST /api/users/signin", {"data": b"{}", "headers": {"Expect": "wonders"}}),
        (403, "POST /api/users/signin", {"json": {}, "headers": {"Origin": "https://evil.test"}}),
        (403, "GET /ws", {"headers": {"Origin": "https://evil.test", "Upgrade": "websocket"}}),
        (426, "GET /ws", {}),
        (400, "GET /ws", {"headers": {"Upgrade": "websocket", "Connection": "upgrade"}}),
        (500, "GET /api/tickets?after=x", {}),
    ],
)
async def test_every_refusal(
    secure: Site, monkeypatch: pytest.MonkeyPatch, status: int, asked: str, options: dict[str, Any]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pages, "decode", fails)
    answer = await secure.call(*asked.split(" "), **options)
    assert answer.status == status, answer.body
    refuse_unless_told(answer.headers)
    assert answer.headers["Cache-Control"] in {"no-store", "no-cache"}


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"POST /api/users/signin HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"CONNECT tickets.test:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_not_even_http(secure: Site, said: bytes) -> None:
    async with connected(secure) as (reader, writer):
        writer.write(said)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    assert head[0].split()[1] in {"400", "404", "405"}, head
    refuse_unless_told(dict(line.split(": ", 1) for line in head[1:] if line))


async def test_a_session_is_in_a_cookie_that_no_script_and_no_other_site_gets(secure: Site) -> None:
    said = {"email": "kim@example.com", "password": PASSWORD}
    headers = {"Origin": "https://tickets.test", "Sec-Fetch-Site": "same-origin"}
    answer = await secure.call("POST", "/api/users/signup", json=said, headers=headers)
    assert answer.status == 201, answer.body
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    refuse_unless_told(answer.headers)
    assert answer.headers["Cache-Control"] == "no-store"
