"""The payment sandbox and the transport to it, as tests use them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from ticketing.payments.outcomes import Authorisation
from ticketing.payments.transport import StripeTransport

TEST_KEY = "sk_test_sandbox"


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
