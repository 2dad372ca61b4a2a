"""The whole product in this process, over real HTTP; and the people who use it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import aiohttp
import jwt

from actors.tracing import Tracer
from ticketing import bootstrap
from ticketing.generated_keys import fill_in
from ticketing.payments.sandbox import Webhooks, running_sandbox
from ticketing.payments.webhooks import WEBHOOKS
from ticketing.reads import Reads
from ticketing.sandbox_process import reached_at
from ticketing.settings import Settings
from web import instants
from web.app import create_app
from web.gateway import Gateway
from web.server import bind, listening

HOST = "127.0.0.1"
PUBLIC_URL = "http://tickets.test"
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    """What came back, read to the end."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def fields(self) -> set[str | None]:
        """The fields that a problem document finds fault with."""
        return {entry.get("field") for entry in self.body["errors"]}


@dataclass
class Site:
    """A running site."""

    url: str
    gateway: Gateway
    system: bootstrap.System
    sandbox: str
    http: aiohttp.ClientSession
    dsn: str

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """One request by nobody in particular."""
        return await call(self.http, self.url, method, path, **options)

    def token(self, user_id: str, **claims: Any) -> str:
        """A token for *user_id* as another program would mint it; *claims* None are left out."""
        settings = self.gateway.settings
        now = self.gateway.runtime.clock.now()
        said = {
            "sub": user_id,
            "email": f"{user_id}@example.com",
            "iat": now,
            "exp": now + timedelta(minutes=10),
            "jti": str(uuid4()),
            "iss": settings.jwt_issuer,
            "aud": settings.jwt_audience,
        } | claims
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(kept, settings.jwt_key, "HS256")

    def event(self, **said: Any) -> dict[str, Any]:
        """What is announced of an event nobody else has; it starts in a month."""
        starts_at = self.gateway.runtime.clock.now() + timedelta(days=30)
        return {
            "name": f"Night {uuid4()}",
            "category": "concert",
            "venue": "Hall of Mirrors",
            "city": "Oslo",
            "startsAt": instants.shown(starts_at),
            "timeZone": "Europe/Oslo",
        } | said

    def program(self, *, roles: tuple[str, ...] = ()) -> "Program":
        """Somebody new, with a bearer token and no account."""
        user_id = str(uuid4())
        return Program(self, user_id, self.token(user_id, roles=list(roles)))

    def browser(self) -> "Browser":
        return Browser(self)


@dataclass
class Program:
    """A caller with a bearer token."""

    site: Site
    user_id: str
    token: str

    async def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return await self.site.call(method, path, headers=headers, **options)

    async def sells(self, title: str = "Row 1", price: Any = 20, **offer: Any) -> dict[str, Any]:
        """A ticket of theirs, for sale."""
        offer = {"title": title, "price": price, **offer}
        made = await self.call("POST", "/api/tickets", json=offer)
        assert made.status == 201, made.body
        ticket: dict[str, Any] = made.body
        return ticket

    async def announces(self, **said: Any) -> dict[str, Any]:
        """An event that they announce."""
        made = await self.call("POST", "/api/events", json=self.site.event(**said))
        assert made.status == 201, made.body
        event: dict[str, Any] = made.body
        return event

    async def buys(self, ticket: Mapping[str, Any]) -> dict[str, Any]:
        """An order of theirs for the ticket."""
        made = await self.call("POST", "/api/orders", json={"ticketId": ticket["id"]})
        assert made.status == 201, made.body
        order: dict[str, Any] = made.body
        return order

    async def pays(
        self, order: Mapping[str, Any], card: str = "tok_visa", **options: Any
    ) -> Answer:
        said = {"orderId": order["id"], "token": card}
        return await self.call("POST", "/api/payments", json=said, **options)


@dataclass
class Browser:
    """A caller with a cookie jar, as pages of ours have one."""

    site: Site
    email: str = field(default_factory=lambda: f"{uuid4()}@example.com")
    http: aiohttp.ClientSession = field(
        default_factory=lambda: aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Sec-Fetch-Site": "same-origin"}
        )
    )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.close()

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        return await call(self.http, self.site.url, method, path, **options)

    async def signs_up(self) -> Answer:
        said = {"email": self.email, "password": PASSWORD}
        return await self.call("POST", "/api/users/signup", json=said)

    async def current_user(self) -> dict[str, Any] | None:
        answer = await self.call("GET", "/api/users/currentuser")
        user: dict[str, Any] | None = answer.body["currentUser"]
        return user


async def call(
    http: aiohttp.ClientSession, base: str, method: str, path: str, **options: Any
) -> Answer:
    async with http.request(method, base + path, allow_redirects=False, **options) as response:
        is_json = response.content_type.endswith("json")
        body = await response.json() if is_json else await response.text()
        return Answer(response.status, response.headers.copy(), body)


@asynccontextmanager
async def running(
    dsn: str,
    folder: Path,
    *,
    stripe_base: str | None = None,
    webhooks: bool = True,
    tracer: Tracer | None = None,
    **settings: Any,
) -> AsyncIterator[Site]:
    """A site on the database at *dsn*, with a payment sandbox of its own in *folder*.

    With *stripe_base* it looks for the payment provider there instead. Without *webhooks* the
    sandbox tells it of nothing. *tracer* is told of all work.
    """
    chosen = fill_in(Settings(data_dir=folder, **{"public_url": PUBLIC_URL, **settings}))
    with closing(bind(HOST, 0)) as bound:
        secret = chosen.stripe_webhook_secrets[0]
        told = Webhooks(url=reached_at(bound) + WEBHOOKS, secret=secret) if webhooks else None
        async with (
            running_sandbox(folder / "sandbox", webhooks=told) as sandbox,
            bootstrap.running(
                chosen,
                dsn=dsn,
                stripe_base=stripe_base or sandbox,
                exclusive=True,
                tracer=tracer,
            ) as system,
        ):
            gateway = Gateway.of(
                system.runtime, Reads(system.store.pool), system.settings, stripe_base=sandbox
            )
            async with (
                listening(create_app(gateway), bound) as port,
                aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
            ):
                yield Site(f"http://{HOST}:{port}", gateway, system, sandbox, http, dsn)


def bearer(token: str) -> dict[str, str]:
    """The header of a program's credential."""
    return {"Authorization": f"Bearer {token}"}


def cookie(browser: Browser) -> dict[str, str]:
    """The header of a browser's credential, for a client without a jar."""
    jar = {each.key: each.value for each in browser.http.cookie_jar}
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}


async def signed_up(site: Site) -> Browser:
    """A browser with an account of its own."""
    browser = site.browser()
    assert (await browser.signs_up()).status == 201
    return browser
