"""The Stripe SDK with its sharp edges off: each call ends in an answer or in a `Failure`.

What stripe-python 16 does by itself and must not (found by reading and trying it): no retries for
a client object, telemetry with a file in the home folder, request bodies in its log. `stripe_http`
has the rest.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec
import stripe

from ticketing.payments.outcomes import Intent
from ticketing.payments.stripe_http import Http, Sleep, Trail, trailing
from ticketing.payments.stripe_shapes import (
    EventPage,
    IntentPage,
    Refund,
    RefundPage,
    read_intent,
    read_refund,
)

__all__ = ["Answer", "Failure", "Sleep", "StripeApi"]

T = TypeVar("T")

# Rides over a restart of the other side. More is the business of the caller, which has all night.
RETRIES: Final = 2

# What the SDK raises when it trips over an answer that is not Stripe's, `{"error": null}` say.
_TRIPS: Final = (AttributeError, KeyError, TypeError, ValueError)

# What Stripe answers to, rather than executes: the object's status tells what happened.
_REFUSED: Final = (400, 402, 404)


class Answer(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Stripe did it, or had done it: *replayed* tells what was true when it did."""

    value: T
    replayed: bool


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Any other end of a call. Without a *status* there was no answer that could be read."""

    reason: str
    maybe_sent: bool = True
    """False only if no try of the SDK's got a connection."""
    replayed: bool = False
    status: int | None = None
    kind: str | None = None
    code: str | None = None
    decline_code: str | None = None
    param: str | None = None
    intent: Intent | None = None

    @property
    def stored(self) -> bool:
        """This server error is all that the idempotency key will give."""
        return self.replayed and self.status is not None and self.status >= 500  # noqa: PLR2004

    @property
    def was_refused(self) -> bool:
        """Stripe will not do it, and says so; nothing is at fault on the way or on our side."""
        return self.status in _REFUSED and self.kind != "idempotency_error"

    @property
    def is_missing(self) -> bool:
        """There is no such object."""
        return self.status == 404 and self.code == "resource_missing"  # noqa: PLR2004 - HTTP


class StripeApi:
    """The calls. Use one in one event loop: its connections belong to the loop that first used it.

    Each call is tried three times with one idempotency key, with at most 10 s a try.
    """

    def __init__(self, key: str, api_base: str | None, sleep: Sleep) -> None:
        stripe.enable_telemetry = False
        # Below this it logs what it sends and gets: card tokens and client secrets.
        logging.getLogger("stripe").setLevel(logging.WARNING)
        self._http = Http(sleep)
        client = stripe.StripeClient(
            key,
            http_client=self._http,
            max_network_retries=RETRIES,
            base_addresses={} if api_base is None else {"api": api_base},
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds
        self._events = client.v1.events

    async def create(self, params: Any, key: str) -> Answer[Intent] | Failure:
        return await _one(
            lambda: self._intents.create_async(params, {"idempotency_key": key}), read_intent
        )

    async def capture(
        self, intent_id: str, amount_minor: int, key: str
    ) -> Answer[Intent] | Failure:
        return await _one(
            lambda: self._intents.capture_async(
                intent_id, {"amount_to_capture": amount_minor}, {"idempotency_key": key}
            ),
            read_intent,
        )

    async def cancel(self, intent_id: str, key: str) -> Answer[Intent] | Failure:
        return await _one(
            lambda: self._intents.cancel_async(intent_id, {}, {"idempotency_key": key}),
            read_intent,
        )

    async def retrieve(self, intent_id: str) -> Answer[Intent] | Failure:
        return await _one(lambda: self._intents.retrieve_async(intent_id), read_intent)

    async def intents(self, since: int, limit: int, after: str | None) -> IntentPage | Failure:
        """Intents created since, newest first, after the one named."""
        params: Any = {"created": {"gte": since}, "limit": limit} | _after(after)
        return await _page(lambda: self._intents.list_async(params), IntentPage)

    async def refund(self, params: Any, key: str) -> Answer[Refund] | Failure:
        return await _one(
            lambda: self._refunds.create_async(params, {"idempotency_key": key}), read_refund
        )

    async def retrieve_refund(self, refund_id: str) -> Answer[Refund] | Failure:
        return await _one(lambda: self._refunds.retrieve_async(refund_id), read_refund)

    async def refunds(self, intent_id: str, limit: int) -> RefundPage | Failure:
        """The refunds of an intent, newest first."""
        params: Any = {"payment_intent": intent_id, "limit": limit}
        return await _page(lambda: self._refunds.list_async(params), RefundPage)

    async def events(
        self, since: int, until: int, types: tuple[str, ...], limit: int, after: str | None
    ) -> EventPage | Failure:
        """Events of these types from *since* to before *until*, newest first."""
        created = {"gte": since, "lt": until}
        params: Any = {"created": created, "types": list(types), "limit": limit} | _after(after)
        return await _page(lambda: self._events.list_async(params), EventPage)

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]


def _after(after: str | None) -> dict[str, str]:
    return {} if after is None else {"starting_after": after}


async def _one(
    call: Callable[[], Awaitable[Any]], read: Callable[[object], T | None]
) -> Answer[T] | Failure:
    """A call that answers with one object."""
    got = await _json(call)
    if isinstance(got, Failure):
        return got
    value = read(got.data)
    if value is None:
        return Failure(reason="unreadable", status=got.code)
    return Answer(value=value, replayed=_replayed(got.headers))


async def _page(call: Callable[[], Awaitable[Any]], page: type[T]) -> T | Failure:
    """A call that answers with a page of a list."""
    got = await _json(call)
    if isinstance(got, Failure):
        return got
    try:
        return msgspec.json.decode(got.body, type=page)
    except (msgspec.DecodeError, RecursionError):
        return Failure(reason="unreadable", status=got.code)


async def _json(call: Callable[[], Awaitable[Any]]) -> stripe.StripeResponse | Failure:
    with trailing() as trail:
        try:
            got = await call()
            response = got.last_response
        except stripe.StripeError as error:
            return _failure(error, trail)
        except _TRIPS as error:
            return Failure(reason=type(error).__name__, maybe_sent=trail.maybe_sent)
    return response if isinstance(response, stripe.StripeResponse) else Failure(reason="unreadable")


def _failure(error: stripe.StripeError, trail: Trail) -> Failure:
    if isinstance(error, stripe.APIConnectionError):
        reason = type(trail.cause or error).__name__
        return Failure(reason=reason, maybe_sent=trail.maybe_sent)
    body = error.json_body if isinstance(error.json_body, dict) else {}
    said = body.get("error")
    said = said if isinstance(said, dict) else {}
    return Failure(
        reason=said.get("code") or said.get("type") or f"http_{error.http_status}",
        replayed=_replayed(error.headers),
        status=error.http_status,
        kind=said.get("type"),
        code=said.get("code"),
        decline_code=said.get("decline_code"),
        param=said.get("param"),
        intent=read_intent(said.get("payment_intent")),
    )


def _replayed(headers: Mapping[str, str] | None) -> bool:
    # aiohttp's headers find a name in whatever case it came.
    return headers is not None and headers.get("Idempotent-Replayed") == "true"
