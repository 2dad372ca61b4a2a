"""People at a site: an open loop of orders, and sockets that watch.

An open loop asks when it is time and not when the last answer has come, so a site that stops for a
second is found to have kept two hundred people waiting, and not one.

A client is polite and no more: a 503 is followed by *one* retry, after what `Retry-After` says and
with the same Idempotency-Key. A connection that breaks is a failure.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import aiohttp

from benchmarks.site import BASE

__all__ = ["Tally", "Watcher", "buy", "orders_at"]

UNAVAILABLE: Final = 503
ANSWER_SECONDS: Final = 20.0
SLOW_SECONDS: Final = 3.0

# From one order to the next that is paid for.
PAID_EVERY: Final = 20


@dataclass
class Tally:
    """What came of all requests."""

    requests: int = 0
    refused: int = 0
    """503s."""
    cured: int = 0
    """Those of which the retry was answered."""
    failed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """How long each took, the pause before its retry included."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Of each call: "POST /api/orders 201"."""
    slow: Counter[str] = field(default_factory=Counter)
    """The same, of those that took longer than anybody likes to wait."""


@dataclass
class Answer:
    status: int
    body: Any
    retry_after: float


async def ask(
    http: aiohttp.ClientSession, tally: Tally, call: str, token: str, body: Any = None
) -> Any:
    """One request (*call* is its method and path) and at most one retry.

    What was answered; None if it has failed.
    """
    method, path = call.split()
    headers = {"Authorization": f"Bearer {token}"}
    if method != "GET":
        headers["Idempotency-Key"] = str(uuid4())
    tally.requests += 1
    began = now()
    try:
        answer = await _once(http, method, path, headers, body)
        if answer.status == UNAVAILABLE:
            tally.refused += 1
            await asyncio.sleep(answer.retry_after)
            answer = await _once(http, method, path, headers, body)
            tally.cured += answer.status < 500
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is one of these.
        tally.failed.append(f"{method} {path.split('/')[2]}: {error!r}")
        return None
    tally.seconds.append(now() - began)
    what = f"{method} {path} {answer.status}"
    tally.statuses[what] += 1
    if tally.seconds[-1] > SLOW_SECONDS:
        tally.slow[what] += 1
    if answer.status >= 400:
        tally.failed.append(f"{method} {path.split('/')[2]}: {answer.status} {answer.body}")
        return None
    return answer.body


async def _once(
    http: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str], body: Any
) -> Answer:
    limit = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with http.request(
        method, BASE + path, headers=headers, json=body, timeout=limit
    ) as response:
        is_json = response.content_type.endswith("json")
        found = await response.json() if is_json else await response.text()
        return Answer(response.status, found, float(response.headers.get("Retry-After", "0")))


async def buy(http: aiohttp.ClientSession, tally: Tally, line: str, *, pays: bool) -> None:
    """Reserve the ticket of a *line* "token ticket"; who does not pay lets it lapse."""
    token, ticket = line.split()
    order = await ask(http, tally, "POST /api/orders", token, {"ticketId": ticket})
    if order is not None and pays:
        said = {"orderId": order["id"], "token": "tok_visa"}
        await ask(http, tally, "POST /api/payments", token, said)


async def orders_at(
    rate: float, http: aiohttp.ClientSession, tally: Tally, lines: Sequence[str],
    stop: asyncio.Event,
) -> int:  # fmt: skip
    """Order so many a second, evenly, until *stop* or nothing is left; how many were."""
    began = now()
    async with asyncio.TaskGroup() as tasks:
        for number, line in enumerate(lines):
            await asyncio.sleep(max(0.0, began + number / rate - now()))
            if stop.is_set():
                return number
            tasks.create_task(buy(http, tally, line, pays=number % PAID_EVERY == 0))
    raise RuntimeError("void: there were not enough tickets")


@dataclass
class Watcher:
    """A socket that watches a ticket, and comes back when it is told to."""

    http: aiohttp.ClientSession
    ticket: str
    back: list[float] = field(default_factory=list)
    """Seconds from each `bye` until it was told again what it watches."""
    gates: int = 0
    """Handshakes that were answered 503."""
    lost: list[str] = field(default_factory=list)
    """Lines that ended without a `bye`."""
    is_up: bool = False

    async def watch(self) -> None:
        """Until cancelled."""
        left_at: float | None = None
        while True:
            try:
                async with self.http.ws_connect(f"{BASE}/ws") as line:
                    after = await self._listen(line, left_at)
            except aiohttp.WSServerHandshakeError as error:
                self.gates += 1
                after = float((error.headers or {}).get("Retry-After", "1"))
                await asyncio.sleep(after)
                continue
            except (aiohttp.ClientError, OSError) as error:
                self.lost.append(repr(error))
                after = 0.2
            left_at = now()
            await asyncio.sleep(after)

    async def _listen(
        self, line: "aiohttp.ClientWebSocketResponse", left_at: float | None
    ) -> float:
        """Until the line ends; when to come back."""
        await line.send_json({"op": "sub", "topics": [{"topic": f"ticket:{self.ticket}"}]})
        try:
            async for message in line:
                said = json.loads(message.data)
                if said["op"] == "subbed":
                    self.is_up = True
                    if left_at is not None:
                        self.back.append(now() - left_at)
                elif said["op"] == "bye":
                    return float(said.get("afterSeconds", 0))
        finally:
            self.is_up = False
        self.lost.append(f"closed with {line.close_code}")
        return 0.2


def now() -> float:
    return asyncio.get_running_loop().time()
