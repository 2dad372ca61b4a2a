"""The people of a long run: each sells a ticket, and another looks, watches, and wants it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import aiohttp

from actors import SystemClock
from benchmarks.site import BASE
from benchmarks.stage import KEY
from ticketing.auth.tokens import Tokens
from ticketing.values import UserId

__all__ = ["People", "Trouble"]

TRY_SECONDS: Final = 12.0  # An ask takes 10 s at the most.
BUDGET_SECONDS: Final = 60.0  # Longer than any fault lasts.
PAUSE_SECONDS: Final = 0.3

# Of ten who have reserved: so many pay, so many cancel, the others let it lapse.
PAY, CANCEL = 3, 3

# Cards that pay, that ask for another, and that have no money: of all payments alike.
CARDS: Final = ("tok_visa", "tok_visa", "pm_card_visa_chargeDeclinedInsufficientFunds")
DECLINED: Final = 402

# Whoever comes too late for the end of the reservation is told so.
TOO_LATE: Final = frozenset({404, 409})


@dataclass(frozen=True)
class Trouble:
    """A try that was not answered, or with a server error."""

    at: float
    status: int | None
    told: str


class GivenUpError(Exception):
    """Nobody answered in time."""


@dataclass
class People:
    """Everybody, and what they have met with."""

    http: aiohttp.ClientSession
    stop: asyncio.Event
    answered: int = 0
    purchases: int = 0
    trouble: list[Trouble] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Answers that nobody should get."""
    _tokens: Tokens = field(
        default_factory=lambda: Tokens(KEY, None, "ticketing", "ticketing", SystemClock())
    )

    async def come(self, rate: float) -> None:
        """So many purchases begin in a second, until it is over."""
        began = now()
        async with asyncio.TaskGroup() as tasks:
            while not self.stop.is_set():
                await asyncio.sleep(max(0.0, began + self.purchases / rate - now()))
                tasks.create_task(self._purchase(self.purchases))
                self.purchases += 1

    async def _purchase(self, number: int) -> None:
        try:
            await self._live(number)
        except GivenUpError as error:
            self.given_up.append(str(error))

    async def _live(self, number: int) -> None:
        seller, buyer = self._token(), self._token()
        offer = {"title": f"Row {number}", "price": 20, "delivery": f"code {number}"}
        ticket = await self._ask("POST /api/tickets", seller, offer, good={201})
        await self._ask("GET /api/tickets?limit=20", buyer, good={200})
        await self._ask(f"GET /api/tickets/{ticket['id']}", buyer, good={200})
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch(ticket["id"]))
            said = {"ticketId": ticket["id"]}
            order = await self._ask("POST /api/orders", buyer, said, good={200, 201})
            if number % 10 < PAY:
                paid = {"orderId": order["id"], "token": CARDS[number % len(CARDS)]}
                good = {201, 202, DECLINED, 503} | TOO_LATE
                await self._ask("POST /api/payments", buyer, paid, good=good)
            elif number % 10 < PAY + CANCEL:
                good = {204} | TOO_LATE
                await self._ask(f"DELETE /api/orders/{order['id']}", buyer, good=good)
            watching.cancel()

    async def _watch(self, ticket: str) -> None:
        """Look at it live; what becomes of the line is looked at by `make rolling`."""
        try:
            async with self.http.ws_connect(f"{BASE}/ws") as line:
                await line.send_json({"op": "sub", "topics": [{"topic": f"ticket:{ticket}"}]})
                async for _ in line:
                    pass
        except (aiohttp.ClientError, OSError):
            return

    async def _ask(
        self, call: str, token: str, body: Mapping[str, Any] | None = None, *, good: set[int]
    ) -> Any:
        """Ask until it is answered, under one key.

        Raises:
            GivenUpError: nobody answered, or not as expected.

        """
        method, path = call.split()
        headers = {"Authorization": f"Bearer {token}"}
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid4())
        limit, until = aiohttp.ClientTimeout(total=TRY_SECONDS), now() + BUDGET_SECONDS
        what = f"{method} {'/'.join(path.partition('?')[0].split('/')[:3])}"
        while now() < until:
            pause, status = PAUSE_SECONDS, None
            try:
                async with self.http.request(
                    method, BASE + path, headers=headers, json=body, timeout=limit
                ) as response:
                    status = response.status
                    is_json = response.content_type.endswith("json")
                    found = await response.json() if is_json else await response.text()
            except (aiohttp.ClientError, OSError) as error:
                self.trouble.append(Trouble(now(), None, f"{what}: {error!r}"))
                await asyncio.sleep(pause)
                continue
            code = found.get("code") if isinstance(found, dict) else None
            if status < 500 or code == "provider_unavailable":
                return self._taken(what, status, found, good)
            self.trouble.append(Trouble(now(), status, f"{what}: {status} {code}"))
            await asyncio.sleep(max(pause, float(response.headers.get("Retry-After", "0"))))
        raise GivenUpError(what)

    def _taken(self, what: str, status: int, found: Any, good: set[int]) -> Any:
        self.answered += 1
        if status not in good:
            self.wrong.append(f"{what}: {status} {found}")
            raise GivenUpError(f"{what}: {status}")
        return found

    def _token(self) -> str:
        return self._tokens.issue(
            user_id=UserId(str(uuid4())), email="p@example.com", roles=(), session_epoch=0
        )


def now() -> float:
    return asyncio.get_running_loop().time()
