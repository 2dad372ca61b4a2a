"""The payment sandbox and the transport to it, as tests use them."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import stripe
from aiohttp import web

from tests.support.wait import LIVENESS_SECONDS, until
from ticketing.payments.outcomes import Authorisation
from ticketing.payments.sandbox import Webhooks
from ticketing.payments.stripe_client import RETRIES
from ticketing.payments.transport import StripeTransport

TEST_KEY = "sk_test_sandbox"
PUBLISHABLE_KEY = "pk_test_sandbox"
WEBHOOK_SECRET = "whsec_of_the_tests"

INTENTS = "/v1/payment_intents"

EVERY_TRY = 1 + RETRIES
"""As often as the transport tries a call by itself."""

ASKS = "pm_card_threeDSecure2Required"
"""A card whose bank wants to hear from the card holder."""

# What any form of the Payment Element sends; the number is a test card's.
CARD_FIELDS = {
    "payment_method_data[type]": "card",
    "payment_method_data[card][number]": "4242 4242 4242 4242",
    "payment_method_data[card][exp_month]": "12",
    "payment_method_data[card][exp_year]": "34",
    "payment_method_data[card][cvc]": "123",
}


class HandClock:
    """A clock that only a test moves; who sleeps on it sleeps until `wake` is set."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self._now = datetime(2030, 1, 1, tzinfo=UTC)

    def advance(self, by: timedelta) -> None:
        self._now += by

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        del seconds
        await self.wake.wait()


async def at_once(seconds: float) -> None:
    """No pause between two tries."""
    del seconds


@asynccontextmanager
async def transport_to(base_url: str | None, key: str = TEST_KEY) -> AsyncIterator[StripeTransport]:
    """A transport without pauses between its tries, closed at the end of the block."""
    transport = StripeTransport(key=key, api_base=base_url, sleep=at_once)
    try:
        yield transport
    finally:
        await transport.close()


async def script(base_url: str, *faults: dict[str, object]) -> None:
    """Set the sandbox's fault script; none ends all faults."""
    address = f"{base_url}/_sandbox/faults"
    async with aiohttp.ClientSession() as session, session.post(address, json=faults) as answer:
        assert answer.status == 200, await answer.text()


async def held(base_url: str) -> list[dict[str, Any]]:
    """Everything the sandbox holds, oldest first."""
    address = f"{base_url}/_sandbox/intents"
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        intents: list[dict[str, Any]] = (await answer.json())["intents"]
        return intents


async def authorise(
    stripe: StripeTransport, token: str = "tok_visa", key_round: int = 1
) -> Authorisation:
    """Authorise twenty dollars of the first attempt of an order."""
    return await stripe.authorise(
        order_id="o1",
        attempt=1,
        amount_minor=2000,
        currency="usd",
        token=token,
        key_round=key_round,
    )


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def replayed(self) -> bool:
        return self.headers.get("Idempotent-Replayed") == "true"

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.body["error"]
        return error


class Wire:
    """The sandbox as curl would talk to it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def post(
        self,
        path: str,
        data: Mapping[str, str] | None = None,
        *,
        key: str | None = None,
        bearer: str | None = TEST_KEY,
    ) -> Said:
        """POST a form, under an idempotency key if there is one."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        async with self.session.post(path, data=data or {}, headers=headers) as answer:
            return Said(answer.status, await answer.json(), answer.headers)

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        bearer: str | None = TEST_KEY,
    ) -> Said:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        async with self.session.get(path, params=params or {}, headers=headers) as answer:
            return Said(answer.status, await answer.json(), answer.headers)

    async def control(self, what: str, body: object) -> Said:
        """Set the sandbox's faults, weather or webhooks."""
        async with self.session.post(f"/_sandbox/{what}", json=body) as answer:
            return Said(answer.status, {"text": await answer.text()}, answer.headers)

    async def pay(self, method: str = "pm_card_visa", **more: str) -> dict[str, Any]:
        """Create and confirm an intent over twenty dollars; as it is then."""
        said = await self.post(INTENTS, paying(method) | more)
        intent: dict[str, Any] = said.error["payment_intent"] if said.status == 402 else said.body
        assert "id" in intent, said
        return intent

    async def captured(self, method: str = "pm_card_visa") -> dict[str, Any]:
        intent = await self.pay(method)
        return (await self.post(f"{INTENTS}/{intent['id']}/capture")).body

    async def token(self, number: str = "4242424242424242") -> str:
        """What the Payment Element makes of a card."""
        fields = CARD_FIELDS | {"payment_method_data[card][number]": number}
        said = await self.post("/v1/confirmation_tokens", fields, bearer=PUBLISHABLE_KEY)
        assert said.status == 200, said
        token: str = said.body["id"]
        return token

    async def authenticate(self, intent: Mapping[str, Any], outcome: str) -> Said:
        """The card holder answers the bank."""
        data = {"client_secret": intent["client_secret"], "outcome": outcome}
        return await self.post("/_sandbox/authenticate", data, bearer=None)

    async def events(self, **params: str) -> list[dict[str, Any]]:
        """All events, oldest first."""
        said = await self.get("/v1/events", {"limit": "100", **params})
        assert said.status == 200, said
        return list(reversed(said.body["data"]))


def paying(method: str = "pm_card_visa") -> dict[str, str]:
    """The parameters of an authorisation over twenty dollars."""
    return {
        "amount": "2000",
        "currency": "usd",
        "capture_method": "manual",
        "confirm": "true",
        "payment_method": method,
        "metadata[order_id]": "o1",
    }


@asynccontextmanager
async def wire_to(base_url: str) -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession(base_url) as session:
        yield Wire(session)


@dataclass
class Endpoint:
    """A webhook endpoint that checks every signature as the SDK does."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    """What was delivered, refused deliveries included."""
    answers: Callable[[int], int] = lambda _nth: 200
    """The status for the nth delivery, from 1."""
    look: Callable[[bytes, str], None] = lambda _body, _signature: None
    """Sees each body and signature first."""

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(url=self.url, secret=WEBHOOK_SECRET)

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def got(self, count: int) -> list[dict[str, Any]]:
        """What was delivered, when it is at least *count*."""
        await until(lambda: len(self.events) >= count, f"{count} deliveries, got {self.types}")
        return self.events

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        signature = request.headers["Stripe-Signature"]
        # No age is checked: a test's clock may be years away.
        stripe.WebhookSignature.verify_header(body, signature, WEBHOOK_SECRET, tolerance=None)
        self.look(body, signature)
        self.events.append(json.loads(body))
        return web.Response(status=self.answers(len(self.events)))


@asynccontextmanager
async def listening(port: int = 0) -> AsyncIterator[Endpoint]:
    """A webhook endpoint on this machine."""
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/webhook", endpoint.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhook"
        yield endpoint
    finally:
        await runner.cleanup()


@asynccontextmanager
async def sandbox_process(
    folder: Path,
    endpoint: Endpoint | None = None,
    *more: str,
    secret: str | None = WEBHOOK_SECRET,
    ready: bool = True,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A sandbox as a process of its own, and its address; killed at the end of the block."""
    environment = dict(os.environ)
    environment.pop("SANDBOX_WEBHOOK_SECRET", None)
    if secret is not None:
        environment["SANDBOX_WEBHOOK_SECRET"] = secret
    aimed = () if endpoint is None else ("--webhook-url", endpoint.url)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ticketing.payments.sandbox",
        *("--folder", str(folder), *aimed, *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        line = b"- -"
        if ready:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), LIVENESS_SECONDS)
            assert line.startswith(b"sandbox ready http://127.0.0.1:"), line
        yield process, line.decode().split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.wait_for(process.communicate(), LIVENESS_SECONDS)
