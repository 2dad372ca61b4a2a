"""Webhooks: events on their way to an endpoint, signed, at least once, in no reliable order.

An event is sent when the disk has it, and tried again with growing pauses until the endpoint
answers 2xx. What the endpoint has not got survives a restart: the books say so.
"""

import asyncio
import contextlib
import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import aiohttp
import msgspec

from actors.clock import Clock
from ticketing.payments.sandbox import objects
from ticketing.payments.sandbox.books import Books, BooksError, Entry
from ticketing.payments.sandbox.events import Event
from ticketing.payments.sandbox.faults import Fault, Faults, Kind

__all__ = ["Courier", "Webhooks", "signature"]

# An endpoint that takes longer has failed; Stripe is about as patient.
POST_SECONDS: Final = 10.0

# Pauses between two tries: the first, and the longest. Stripe's are minutes to hours; here the
# endpoint is a process on the same machine that is being restarted.
FIRST_PAUSE_SECONDS: Final = 0.5
PAUSE_SECONDS_MAX: Final = 30.0

# How long Stripe tries with live keys.
GIVE_UP_SECONDS: Final = 3 * 24 * 60 * 60

# Events on their way at once, waiting for their next try included; the others wait in the queue.
IN_HAND_MAX: Final = 1000

# Connections at once: an endpoint that has been away is not run over.
CONNECTIONS_MAX: Final = 20

# How long an event that waits for a later one does so if none comes.
REVERSE_SECONDS_MAX: Final = 5.0

_HEADERS: Final = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    "Cache-Control": "no-cache",
}
_OK: Final = range(200, 300)


class Webhooks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint for all events, and the secret that it knows us by."""

    url: str
    secret: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("url: expected http:// or https://")
        if not self.secret.strip():
            raise ValueError("secret: expected one, got none")

    def __repr__(self) -> str:
        return f"Webhooks(url={self.url!r})"


class Courier:
    """Takes events as they happen, and those of an earlier run that were not delivered."""

    def __init__(
        self, books: Books, clock: Clock, faults: Faults, webhooks: Webhooks | None
    ) -> None:
        self._books = books
        self._clock = clock
        self._faults = faults
        self._webhooks = webhooks
        self._aimed = asyncio.Event()
        if webhooks is not None:
            self._aimed.set()
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._in_hand = asyncio.Semaphore(IN_HAND_MAX)
        self._taken = 0
        # Those that wait until a later one has been delivered, by their number.
        self._behind: dict[int, asyncio.Event] = {}
        self.send(books.undelivered())

    @property
    def awaited(self) -> bool:
        """Whether there is an endpoint to be told of what happens now."""
        return self._webhooks is not None

    def aim(self, webhooks: Webhooks) -> None:
        """Deliver to that endpoint from now on."""
        self._webhooks = webhooks
        self._aimed.set()

    def send(self, events: Iterable[Event]) -> None:
        """Deliver *events*, which are in the books already, some time soon."""
        for event in events:
            if event.awaited:
                self._queue.put_nowait(event)

    async def run(self) -> None:
        """Until cancelled."""
        await self._aimed.wait()
        connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=POST_SECONDS)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=limits) as session,
            asyncio.TaskGroup() as tasks,
        ):
            while True:
                event = await self._queue.get()
                await self._in_hand.acquire()
                fault = self._faults.next("webhook", event.order_id)
                self._taken += 1
                tasks.create_task(self._carry(session, event, fault, self._taken))

    async def _carry(
        self, session: aiohttp.ClientSession, event: Event, fault: Fault | None, number: int
    ) -> None:
        kind = None if fault is None else fault.kind
        copies = fault.copies if fault is not None and kind is Kind.REPEAT else 1
        try:
            if kind is not Kind.LOSE:
                await self._books.flush()
                await self._linger(fault, number)
                await self._deliver(session, event, copies)
                self._let_go_before(number)
            # Without that line it is delivered once more after a restart: no harm.
            with contextlib.suppress(BooksError):
                self._books.write(Entry(delivered=event.id))
        finally:
            self._in_hand.release()

    async def _linger(self, fault: Fault | None, number: int) -> None:
        if fault is not None and fault.kind is Kind.DELAY:
            await self._clock.sleep(fault.seconds)
        if fault is not None and fault.kind is Kind.REVERSE:
            passed = self._behind[number] = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                limit = tasks.create_task(self._set_later(passed))
                await passed.wait()
                limit.cancel()

    async def _set_later(self, passed: asyncio.Event) -> None:
        await self._clock.sleep(REVERSE_SECONDS_MAX)
        passed.set()

    def _let_go_before(self, number: int) -> None:
        for earlier in [waiting for waiting in self._behind if waiting <= number]:
            self._behind.pop(earlier).set()

    async def _deliver(self, session: aiohttp.ClientSession, event: Event, copies: int) -> None:
        """Return when the endpoint has it, or when it is no use to go on."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            async with asyncio.TaskGroup() as tasks:
                posts = [tasks.create_task(self._post(session, event)) for _ in range(copies)]
            if all(post.result() for post in posts):
                return
            copies = 1
            if self._clock.now().timestamp() > event.created + GIVE_UP_SECONDS:
                return
            await self._clock.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    async def _post(self, session: aiohttp.ClientSession, event: Event) -> bool:
        """One try, signed anew: whether the endpoint answered 2xx."""
        webhooks = self._webhooks
        assert webhooks is not None
        compact = msgspec.json.encode(objects.event_shape(event, pending=True))
        body = msgspec.json.format(compact, indent=2)
        now = int(self._clock.now().timestamp())
        headers = {**_HEADERS, "Stripe-Signature": signature(body, webhooks.secret, now)}
        try:
            async with (
                asyncio.timeout(POST_SECONDS),
                session.post(
                    webhooks.url, data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                return answer.status in _OK
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False


def signature(body: bytes, secret: str, now: int) -> str:
    """The `Stripe-Signature` of *body*, sent at *now* (Unix seconds).

    Source: https://docs.stripe.com/webhooks#verify-manually.
    """
    signed = hmac.new(secret.encode(), f"{now}.".encode() + body, sha256).hexdigest()
    return f"t={now},v1={signed}"
