"""Stripe, for the teller: certain answers, or `Unknown`.

Sources: https://docs.stripe.com/api/payment_intents, /api/errors and /api/idempotent_requests.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from ticketing.payments import outcomes
from ticketing.payments.outcomes import (
    ActionRequired,
    Authorised,
    Captured,
    Declined,
    Impossible,
    Intent,
    Mismatch,
    Missing,
    NotSent,
    Unknown,
    Voided,
)
from ticketing.payments.stripe_client import Answer, Failure, Sleep, StripeApi

__all__ = ["StripeTransport"]

T = TypeVar("T")

# How far `find` looks. Whoever makes more intents than this between an attempt and its
# reconciliation gets Unknown, never "there is none".
PAGES_MAX: Final = 20
PAGE: Final = 100

LIVE_KEYS: Final = ("sk_live_", "rk_live_")

# What Stripe answers to, rather than executes: the intent's status tells what happened.
_REFUSED: Final = (400, 402, 404)

# A fault in what the buyer gave us is a card that does not pay; a fault in anything else is ours.
_BUYERS_PARAMETERS: Final = ("payment_method", "confirmation_token", "token")
_BUYERS_CODES: Final = ("resource_missing", "token_already_used", "token_in_use")
_NO_SUCH_AMOUNT: Final = ("amount_too_small", "amount_too_large")


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
            (`authorise`, `capture`, `void`, `retrieve`, `find`), failed ones included. What it
            raises goes through.
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
        asked = _Asked(order_id=order_id, amount=amount_minor, currency=currency, live=self._live)
        params = _creation(asked, attempt, token)
        key = _key(f"order:{order_id}:a{attempt}:authorise", key_round)
        got = await self._call("authorise", lambda: self._api.create(params, key))
        if isinstance(got, Answer):
            now = await self.retrieve(got.intent.id) if got.replayed else got.intent
            return asked.authorisation(now)
        if not got.maybe_sent:
            return NotSent(reason=got.reason)
        if got.intent is not None and got.code == "payment_intent_unexpected_state":
            return asked.authorisation(await self.retrieve(got.intent.id))
        return asked.refused(got)

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
            return _taken(now)
        return Unknown(reason=f"status_{now.status}", stored=stored)

    async def retrieve(self, intent_id: str) -> Intent | Missing | Unknown:
        """The intent as it is now."""
        got = await self._call("retrieve", lambda: self._api.retrieve(intent_id))
        if isinstance(got, Answer):
            return got.intent
        if got.status == 404 and got.code == "resource_missing":  # noqa: PLR2004 - HTTP
            return Missing(intent_id=intent_id)
        return Unknown(reason=got.reason)

    async def find(
        self, *, order_id: str, attempt: int, since: datetime
    ) -> tuple[Intent, ...] | Unknown:
        """The intents of an attempt, newest first: for an authorisation that got lost.

        *since* is an instant before the attempt by Stripe's clock too: allow some minutes.
        """
        found: list[Intent] = []
        start, after = int(since.timestamp()), None
        for _ in range(PAGES_MAX):
            page = functools.partial(self._api.page, start, PAGE, after)
            got = await self._call("find", page)
            if isinstance(got, Failure):
                return Unknown(reason=got.reason)
            intents, has_more = got
            found += [i for i in intents if i.order_id == order_id and i.attempt == attempt]
            if not has_more:
                return tuple(found)
            after = intents[-1].id
        return Unknown(reason="too_many_intents")

    async def close(self) -> None:
        """Close the connections; the transport cannot be used any more."""
        await self._api.close()

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        self._around(f"{operation}.before")
        got = await call()
        self._around(f"{operation}.after")
        return got

    async def _now(self, intent_id: str, got: Answer | Failure) -> tuple[Intent | Unknown, bool]:
        """The intent as it is after a call on it, and whether the key gives only an error."""
        if isinstance(got, Answer) and not got.replayed:
            return got.intent, False
        stored = isinstance(got, Failure) and got.stored
        if isinstance(got, Failure) and not stored and not _was_refused(got):
            return Unknown(reason=got.reason), False
        now = await self.retrieve(intent_id)
        if isinstance(now, Missing):
            return Unknown(reason="missing", stored=stored), stored
        return now, stored

    def _captured(self, intent: Intent, amount_minor: int) -> Captured | Mismatch:
        wrong = _different("amount_received", amount_minor, intent.amount_received_minor)
        wrong = wrong or _different("livemode", self._live, intent.livemode)
        return _taken(intent) if wrong is None else Mismatch(intent_id=intent.id, what=wrong)


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorisation asked for; the judge of what came back."""

    order_id: str
    amount: int
    currency: str
    live: bool

    def authorisation(self, intent: Intent | Missing | Unknown) -> outcomes.Authorisation:
        """What *intent*, as it is now, means for the attempt."""
        if isinstance(intent, Unknown):
            return intent
        if isinstance(intent, Missing):
            return Unknown(reason="missing")
        wrong = self._wrong(intent)
        if wrong is not None:
            return Mismatch(intent_id=intent.id, what=wrong)
        return _standing(intent)

    def refused(self, failure: Failure) -> Declined | Mismatch | Unknown:
        """What an error answer to the request means for the attempt."""
        intent = failure.intent
        wrong = None if intent is None else self._wrong(intent)
        if intent is not None and wrong is not None:
            return Mismatch(intent_id=intent.id, what=wrong)
        code = _decline_code(failure)
        if code is None:
            return Unknown(reason=failure.reason, stored=failure.stored)
        return Declined(code=code, intent_id=None if intent is None else intent.id)

    def _wrong(self, intent: Intent) -> str | None:
        wrong = (
            _different("amount", self.amount, intent.amount_minor)
            or _different("currency", self.currency, intent.currency)
            or _different("metadata.order_id", self.order_id, intent.order_id)
            or _different("livemode", self.live, intent.livemode)
        )
        if wrong is None and intent.status == "requires_capture":
            return _different("amount_capturable", self.amount, intent.amount_capturable_minor)
        return wrong


def _standing(intent: Intent) -> outcomes.Authorisation:
    """What the status of an intent that is as it should be means for its attempt."""
    match intent.status:
        case "requires_capture":
            return Authorised(intent_id=intent.id)
        case "requires_action" if intent.client_secret is not None:
            return ActionRequired(intent_id=intent.id, client_secret=intent.client_secret)
        case "requires_payment_method" if intent.decline_code is not None:
            return Declined(code=intent.decline_code, intent_id=intent.id)
        case "succeeded":
            return _taken(intent)
        case "canceled":
            return Voided(intent_id=intent.id)
        case status:
            return Unknown(reason=f"status_{status}")


def _decline_code(failure: Failure) -> str | None:
    """Why the card, or what was given for one, does not pay; None if that was not the answer."""
    if failure.status == 402 and failure.kind == "card_error":  # noqa: PLR2004 - HTTP
        return failure.decline_code or failure.code or "generic_decline"
    if failure.status not in (400, 404) or failure.kind != "invalid_request_error":
        return None
    if failure.code in _NO_SUCH_AMOUNT:
        return failure.code
    # Both are refused before anything is executed. A request to create refers to nothing but what
    # the buyer gave, so whatever is missing is that.
    param = (failure.param or "").partition("[")[0].removesuffix("_data")
    if failure.code in _BUYERS_CODES or param in _BUYERS_PARAMETERS:
        return "invalid_token"
    return None


def _was_refused(failure: Failure) -> bool:
    return failure.status in _REFUSED and failure.kind != "idempotency_error"


def _taken(intent: Intent) -> Captured:
    return Captured(
        intent_id=intent.id,
        amount_minor=intent.amount_received_minor,
        currency=intent.currency,
        charge_id=intent.charge_id,
    )


def _different(field: str, expected: object, got: object) -> str | None:
    return None if expected == got else f"{field}: expected {expected}, got {got}"


def _key(name: str, key_round: int) -> str:
    return name if key_round == 1 else f"{name}:r{key_round}"


def _creation(asked: _Asked, attempt: int, token: str) -> dict[str, Any]:
    """The parameters of a create that confirms at once. Equal arguments give equal parameters."""
    params: dict[str, Any] = {
        "amount": asked.amount,
        "currency": asked.currency,
        "capture_method": "manual",
        "confirm": True,
        "payment_method_types": ["card"],
        "metadata": {"order_id": asked.order_id, "attempt": str(attempt)},
    }
    if token.startswith("tok_"):
        params["payment_method_data"] = {"type": "card", "card": {"token": token}}
    elif token.startswith("ctoken_"):
        params["confirmation_token"] = token
    else:
        params["payment_method"] = token
    return params
