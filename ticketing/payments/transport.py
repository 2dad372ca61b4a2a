"""Stripe, for the teller: certain answers, or `Unknown`.

Sources: https://docs.stripe.com/api/payment_intents, /api/errors and /api/idempotent_requests.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from ticketing.payments import outcomes
from ticketing.payments.judgement import Asked, different, mismatch, taken
from ticketing.payments.outcomes import (
    Captured,
    Happened,
    Impossible,
    Intent,
    Mismatch,
    Missing,
    NotSent,
    Unknown,
    Voided,
)
from ticketing.payments.refunds import Refunds
from ticketing.payments.stripe_client import Answer, Failure, Sleep, StripeApi
from ticketing.payments.stripe_events import TYPES
from ticketing.settings_values import LIVE_KEYS

__all__ = ["TOO_MANY_EVENTS", "StripeTransport"]

T = TypeVar("T")

# How far `find` looks, at a call a page. Whoever makes more intents than this between an attempt
# and its reconciliation gets Unknown, never "there is none".
PAGES_MAX: Final = 200
PAGE: Final = 100

# How many events are read at once, at a call a page: the busiest minutes of a sale.
EVENT_PAGES_MAX: Final = 100
TOO_MANY_EVENTS: Final = "too_many_events"


class StripeTransport:
    """One a process and event loop; any number of calls at once.

    A call is tried three times (connection errors, 409, 5xx), at most 10 s each, with one
    idempotency key. An answer that Stripe replays for its key tells what was true the first time,
    so the intent is then retrieved: what is returned is what is true now. *key_round* is 1 unless
    an earlier call ended in `Unknown(stored=True)`, see there.

    Args:
        key: a secret key.
        api_base: another base address than Stripe's, for the sandbox.
        around: told `authorise.before`, `authorise.after` and so on around each network call
            (`authorise`, `capture`, `void`, `retrieve`, `find`, `refund`, `retrieve_refund`,
            `find_refunds`, `events`), failed ones included. What it raises goes through.
        sleep: how to wait between two tries.

    Raises:
        ValueError: a live key with another base address.

    """

    def __init__(
        self,
        *,
        key: str,
        api_base: str | None = None,
        around: Callable[[str], None] = lambda _moment: None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._live = key.startswith(LIVE_KEYS)
        if self._live and api_base is not None:
            raise ValueError("a live key is for Stripe's own address only")
        self._api = StripeApi(key, api_base, sleep)
        self._around = around
        self._refunds = Refunds(self._api, self._call)

    async def authorise(
        self,
        *,
        order_id: str,
        attempt: int,
        amount_minor: int,
        currency: str,
        token: str,
        key_round: int = 1,
    ) -> outcomes.Authorisation:
        """Hold *amount_minor* on the card behind *token*; no money moves.

        *token* is a card token (`tok_...`), a confirmation token (`ctoken_...`) or else a payment
        method. `Declined` comes from a card error (402), from a *token* that Stripe refuses and
        from an amount that it charges to no card; nothing else is ever taken for a decline.
        """
        asked = self._asked(order_id, amount_minor, currency)
        params = _creation(asked, attempt, token)
        key = _key(f"order:{order_id}:a{attempt}:authorise", key_round)
        got = await self._call("authorise", lambda: self._api.create(params, key))
        if isinstance(got, Answer):
            now = await self.retrieve(got.value.id) if got.replayed else got.value
            return _standing(asked, now)
        if not got.maybe_sent:
            return NotSent(reason=got.reason)
        if got.intent is not None and got.code == "payment_intent_unexpected_state":
            return _standing(asked, await self.retrieve(got.intent.id))
        return asked.refused(got)

    def standing(
        self, intent: Intent, *, order_id: str, amount_minor: int, currency: str
    ) -> outcomes.Authorisation:
        """What *intent*, as it was retrieved, means for the attempt that asked for this much.

        `Unknown` is a status that decides nothing.
        """
        return self._asked(order_id, amount_minor, currency).standing(intent)

    async def capture(
        self, *, intent_id: str, amount_minor: int, key_round: int = 1
    ) -> outcomes.Capture:
        """Take the held money.

        Call it until it is `Captured` or `Impossible`. `Impossible` is decided by the status of
        the retrieved intent, never by an error code; so is `Captured`, after any error.
        """
        key = _key(f"intent:{intent_id}:capture", key_round)
        got = await self._call("capture", lambda: self._api.capture(intent_id, amount_minor, key))
        now, stored = await self._now(intent_id, got)
        if not isinstance(now, Intent):
            return now
        if now.status == "succeeded":
            return self._captured(now, amount_minor)
        if now.status == "canceled":
            return Impossible(intent_id=intent_id)
        return Unknown(reason=f"status_{now.status}", stored=stored)

    async def void(self, *, intent_id: str, key_round: int = 1) -> outcomes.Void:
        """Drop the authorisation; call it until it is `Voided`, or `Captured`: too late."""
        key = _key(f"intent:{intent_id}:void", key_round)
        got = await self._call("void", lambda: self._api.cancel(intent_id, key))
        now, stored = await self._now(intent_id, got)
        if not isinstance(now, Intent):
            return now
        if now.status == "canceled":
            return Voided(intent_id=intent_id)
        if now.status == "succeeded":
            return taken(now)
        return Unknown(reason=f"status_{now.status}", stored=stored)

    async def retrieve(self, intent_id: str) -> Intent | Missing | Unknown:
        """The intent as it is now."""
        got = await self._call("retrieve", lambda: self._api.retrieve(intent_id))
        if isinstance(got, Answer):
            return got.value
        return Missing(intent_id=intent_id) if got.is_missing else Unknown(reason=got.reason)

    async def find(
        self, *, order_id: str, attempt: int, since: datetime
    ) -> tuple[Intent, ...] | Unknown:
        """The intents of an attempt, newest first: for an authorisation that got lost.

        *since* is an instant before the attempt by Stripe's clock too: allow some minutes.
        """
        found: list[Intent] = []
        start, after = int(since.timestamp()), None
        for _ in range(PAGES_MAX):
            turn = functools.partial(self._api.intents, start, PAGE, after)
            page = await self._call("find", turn)
            if isinstance(page, Failure):
                return Unknown(reason=page.reason)
            intents = page.known()
            found += [i for i in intents if i.order_id == order_id and i.attempt == attempt]
            if not page.has_more or not intents:
                return tuple(found)
            after = intents[-1].id
        return Unknown(reason="too_many_intents")

    async def give_back(
        self,
        *,
        intent_id: str,
        order_id: str,
        amount_minor: int,
        refund_round: int = 1,
        key_round: int = 1,
    ) -> outcomes.Refund:
        """Refund *amount_minor* of what was captured, less what has been given back already.

        Call it until it is `Refunded` or `RefundFailed`. Another *refund_round* is another refund,
        for when the last one failed; within one there is one refund.
        """
        return await self._refunds.give_back(
            intent_id=intent_id,
            order_id=order_id,
            amount_minor=amount_minor,
            round_=refund_round,
            key=_key(f"intent:{intent_id}:refund:{refund_round}", key_round),
        )

    async def refund(self, refund_id: str) -> outcomes.Refund:
        """What became of a refund: one that was `Refunded` may fail later."""
        return await self._refunds.look(refund_id)

    async def events(self, *, since: datetime, until: datetime) -> tuple[Happened, ...] | Unknown:
        """What happened to payments from *since* to before *until*, to the second; newest first.

        `Unknown("too_many_events")`: ask for less.
        """
        found: list[Happened] = []
        start, end, after = int(since.timestamp()), int(until.timestamp()), None
        for _ in range(EVENT_PAGES_MAX):
            turn = functools.partial(self._api.events, start, end, TYPES, PAGE, after)
            page = await self._call("events", turn)
            if isinstance(page, Failure):
                return Unknown(reason=page.reason)
            found += page.happened(live=self._live)
            if not page.has_more or not page.data:
                return tuple(found)
            after = page.data[-1].id
        return Unknown(reason=TOO_MANY_EVENTS)

    async def close(self) -> None:
        """Close the connections; the transport cannot be used any more."""
        await self._api.close()

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        self._around(f"{operation}.before")
        got = await call()
        self._around(f"{operation}.after")
        return got

    def _asked(self, order_id: str, amount_minor: int, currency: str) -> Asked:
        return Asked(order_id=order_id, amount=amount_minor, currency=currency, live=self._live)

    async def _now(
        self, intent_id: str, got: Answer[Intent] | Failure
    ) -> tuple[Intent | Unknown, bool]:
        """The intent as it is after a call on it, and whether the key gives only an error."""
        if isinstance(got, Answer) and not got.replayed:
            return got.value, False
        stored = isinstance(got, Failure) and got.stored
        if isinstance(got, Failure) and not stored and not got.was_refused:
            return Unknown(reason=got.reason), False
        now = await self.retrieve(intent_id)
        if isinstance(now, Missing):
            return Unknown(reason="missing", stored=stored), stored
        return now, stored

    def _captured(self, intent: Intent, amount_minor: int) -> Captured | Mismatch:
        wrong = different("amount_received", amount_minor, intent.amount_received_minor)
        wrong = wrong or different("livemode", self._live, intent.livemode)
        return taken(intent) if wrong is None else mismatch(intent, wrong)


def _standing(asked: Asked, intent: Intent | Missing | Unknown) -> outcomes.Authorisation:
    if isinstance(intent, Missing):
        return Unknown(reason="missing")
    return intent if isinstance(intent, Unknown) else asked.standing(intent)


def _key(name: str, key_round: int) -> str:
    return name if key_round == 1 else f"{name}:r{key_round}"


def _creation(asked: Asked, attempt: int, token: str) -> dict[str, Any]:
    """The parameters of a create that confirms at once. Equal arguments give equal parameters."""
    params: dict[str, Any] = {
        "amount": asked.amount,
        "currency": asked.currency,
        "capture_method": "manual",
        "confirm": True,
        "allowed_payment_method_types": ["card"],
        "metadata": {"order_id": asked.order_id, "attempt": str(attempt)},
    }
    if token.startswith("ctoken_"):
        params["confirmation_token"] = token  # It says itself that the browser takes the next step.
        return params
    params["use_stripe_sdk"] = True  # The next step, if any, is the browser's: no redirect.
    if token.startswith("tok_"):
        params["payment_method_data"] = {"type": "card", "card": {"token": token}}
    else:
        params["payment_method"] = token
    return params
