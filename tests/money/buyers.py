"""Who buys in the money run: people with a card, a browser, and little patience."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tests.crash.people import Person, Promise
from tests.crash.world import Answer, dice
from tests.money.sandbox import Sandbox
from tests.support.wait import until

# Between two looks at a page that shows how a payment goes.
LOOK_SECONDS: Final = 0.15

# What a page shows while nothing is known yet; then the card holder, or the buyer, has to act.
UNKNOWN: Final = "processing"

ENDED: Final = frozenset({"complete", "cancelled"})


@dataclass
class Buyer(Person):
    """Somebody who pays, and sees what becomes of it."""

    sandbox: Sandbox = field(kw_only=True)
    chances: random.Random = field(kw_only=True)

    async def pays(self, order: Mapping[str, Any], card: str) -> Answer:
        """Press the button, and look until there is news."""
        key = self.new_key()
        return await self.presses(key, order, card)

    async def presses(self, key: str, order: Mapping[str, Any], card: str) -> Answer:
        """Press the button of the page that made *key*, and look until there is news.

        What was not known at once is no promise.
        """
        body = {"orderId": order["id"], "token": card}
        answer = await self._ask(key, "POST", "/api/payments", body)
        if answer.status == 202:
            return await self.watches(order) if answer.body["status"] == UNKNOWN else answer
        self.promises.append(Promise(key, "POST", "/api/payments", body, answer))
        return answer

    async def watches(self, order: Mapping[str, Any]) -> Answer:
        """The payment as it is seen once it is known what came of it."""
        path = f"/api/payments/{order['id']}"

        async def news() -> Answer | None:
            await asyncio.sleep(LOOK_SECONDS)
            seen = await self.sees(path)
            return None if seen["status"] == UNKNOWN else Answer(200, seen)

        found = await until(news, f"{path} is known", seconds=120.0)
        assert found is not None
        return found

    async def confirms(self, order: Mapping[str, Any]) -> None:
        """Come back from the bank's page."""
        path = f"/api/payments/{order['id']}/confirm"
        answer = await self._ask(self.new_key(), "POST", path, None)
        assert answer.status in {200, 201, 202, 402, 409}, answer

    async def answers_the_bank(
        self, order: Mapping[str, Any], payment: Mapping[str, Any], outcome: str
    ) -> Answer:
        """Pass or fail 3-D Secure; half of the browsers never come back to us."""
        await self.sandbox.authenticate(payment["clientSecret"], outcome)
        if self.chances.random() < 0.5:
            await self.confirms(order)
        path = f"/api/payments/{order['id']}"

        async def news() -> Answer | None:
            await asyncio.sleep(LOOK_SECONDS)
            seen = await self.sees(path)
            return None if seen["status"] in {UNKNOWN, "requires_action"} else Answer(200, seen)

        found = await until(news, f"{path} is known after 3-D Secure", seconds=120.0)
        assert found is not None
        return found

    async def gives_up(self, order: Mapping[str, Any]) -> Answer:
        """Cancel the order, and hear if that is so."""
        answer = await self._ask(self.new_key(), "DELETE", f"/api/orders/{order['id']}", None)
        assert answer.status in {204, 409}, answer
        return answer

    async def waits_until(self, order: Mapping[str, Any], *, before: float) -> None:
        """Wait until so many seconds *before* the end of the reservation."""
        ends = datetime.fromisoformat(order["expiresAt"])
        await asyncio.sleep((ends - wall_clock()).total_seconds() - before)

    def new_key(self) -> str:
        """The Idempotency-Key of a page."""
        if self._keys is None:
            self._keys = dice(self.seed)
        return str(UUID(int=self._keys.getrandbits(128)))


def wall_clock() -> datetime:
    """The time of this machine, which is the database's too."""
    return datetime.now(UTC)  # noqa: TID251 - a test of deadlines has to look at a clock
