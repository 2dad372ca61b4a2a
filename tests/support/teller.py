"""The teller by itself, in front of the sandbox: what it is told to do, and what it tells."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import asyncpg
from cryptography.fernet import Fernet

from actors import Effect, Message
from actors.clock import SystemClock
from tests.support.sandbox import ASKS, held, transport_to
from ticketing.payments.messages import (
    ActionRequired,
    Authorise,
    Authorised,
    Capture,
    Captured,
    Look,
    TakenAnyway,
)
from ticketing.payments.worker import Teller
from ticketing.reads import Reads
from ticketing.vault import Vault

__all__ = ["ORDER", "Desk", "asked_for", "at_desk", "look", "statuses", "taken"]

ORDER = "o1"


class Desk:
    """A teller, and the order whose payment speaks to it."""

    def __init__(self, teller: Teller, vault: Vault, base_url: str) -> None:
        self.teller = teller
        self.vault = vault
        self.base_url = base_url
        self.now = SystemClock().now()

    async def told(
        self,
        message: Message[Any],
        *,
        key: str = ORDER,
        now: datetime | None = None,
        is_repeat: bool = False,
    ) -> list[Message[Any]]:
        """What the teller tells once it has done *message*."""
        effect = await self.effect(message, key=key, now=now, is_repeat=is_repeat)
        assert {str(send.ref.key) for send in effect.sends} <= {key}
        return [send.message for send in effect.sends]

    async def effect(
        self,
        message: Message[Any],
        *,
        key: str = ORDER,
        now: datetime | None = None,
        is_repeat: bool = False,
    ) -> Effect:
        """Have *message* done."""
        effect = Effect(key=key, now=now or self.now, by=None, may_be_repeat=is_repeat)
        await Teller.handlers[type(message)].function(self.teller, message, effect)
        return effect

    def authorise(self, token: str = "tok_visa", number: int = 1, **more: Any) -> Authorise:
        """What the payment says: twenty dollars."""
        known = {"amount_minor": 2000, "currency": "usd", "started_at": self.now}
        return Authorise(number=number, token=token, **{**known, **more})

    async def authorised(self, token: str = "tok_visa", number: int = 1) -> str:
        [told] = await self.told(self.authorise(token, number))
        assert isinstance(told, Authorised)
        return told.intent_id

    async def captured(self, token: str = "tok_visa", number: int = 1) -> str:
        intent_id = await self.authorised(token, number)
        capture = Capture(number=number, intent_id=intent_id, amount_minor=2000)
        assert await self.told(capture) == [Captured(number=number, intent_id=intent_id)]
        return intent_id

    async def card_holder(self, client_secret: str, outcome: str) -> None:
        """The card holder's answer to 3-D Secure: "pass" or "fail"."""
        form = {"client_secret": client_secret, "outcome": outcome}
        address = f"{self.base_url}/_sandbox/authenticate"
        async with aiohttp.ClientSession() as session, session.post(address, data=form) as answer:
            assert answer.status == 200, await answer.text()

    async def at_stripe(self, path: str, key: str = "sk_test_dashboard", **form: str) -> None:
        """Somebody else does something: a person at the provider's own pages."""
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession(self.base_url, headers=headers) as session,
            session.post(f"/v1/{path}", data=form) as answer,
        ):
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def at_desk(base_url: str, dsn: str | None = None) -> AsyncIterator[Desk]:
    """A teller to the sandbox at *base_url*; without *dsn* one that cannot sweep."""
    vault = Vault([Fernet.generate_key().decode()])
    async with (
        asyncpg.create_pool(dsn, min_size=0, max_size=2) as pool,
        transport_to(base_url) as transport,
    ):
        teller = Teller(transport, vault=vault, reads=Reads(pool), clock=SystemClock())
        yield Desk(teller, vault, base_url)


def look(intent_id: str, number: int = 1, *, asked: bool = False) -> Look:
    return Look(number=number, intent_id=intent_id, amount_minor=2000, currency="usd", asked=asked)


def taken(
    intent_id: str, number: int = 1, why: str = "captured", amount: int = 2000
) -> TakenAnyway:
    return TakenAnyway(
        number=number, intent_id=intent_id, amount_minor=amount, currency="usd", why=why
    )


async def asked_for(desk: Desk, number: int = 1) -> ActionRequired:
    [told] = await desk.told(desk.authorise(ASKS, number))
    assert isinstance(told, ActionRequired)
    return told


async def statuses(desk: Desk) -> list[str]:
    return [intent["status"] for intent in await held(desk.base_url)]
