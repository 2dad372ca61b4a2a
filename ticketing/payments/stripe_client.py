"""The Stripe SDK with its sharp edges off: five calls, each an `Answer` or a `Failure`.

What stripe-python 16 does by itself and must not (found by reading and trying it): no retries for
a client object, an 80 s time-out, telemetry with a file in the home folder, and with aiohttp,
errors while the body is read escape as they are, neither retried nor wrapped.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import aiohttp
import msgspec
import stripe

from ticketing.payments.outcomes import Intent

__all__ = ["Answer", "Failure", "Sleep", "StripeApi"]

# The caller of POST /api/payments waits 10 s; a try that takes longer is of no use to it.
TOTAL_SECONDS: Final = 10.0
# Stripe is far from nobody: a host that does not accept within 3 s does not accept.
CONNECT_SECONDS: Final = 3.0
# Rides over a restart of the other side. More is the business of the caller, which has all night.
RETRIES: Final = 2

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

# No connection came about, so no byte of the request can have left. `ClientConnectorError` comes
# from the connector alone (refused, unreachable, not resolved, TLS), the other one from the time
# limit on connecting; a limit that fires later is a plain TimeoutError.
_NO_CONNECTION: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)

# What the SDK raises when it trips over an answer that is not Stripe's, `{"error": null}` say.
_TRIPS: Final = (AttributeError, KeyError, TypeError, ValueError)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Stripe did it, or had done it: *replayed* tells what was true when it did."""

    intent: Intent
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


class StripeApi:
    """The calls. Use one in one event loop: its connections belong to the loop that first used it.

    Each call is tried three times with one idempotency key, with at most 10 s a try.
    """

    def __init__(self, key: str, api_base: str | None, sleep: Sleep) -> None:
        stripe.enable_telemetry = False
        self._http = _Http(sleep)
        client = stripe.StripeClient(
            key,
            http_client=self._http,
            max_network_retries=RETRIES,
            base_addresses={} if api_base is None else {"api": api_base},
        )
        self._intents = client.v1.payment_intents

    async def create(self, params: Any, key: str) -> Answer | Failure:
        return await _one(lambda: self._intents.create_async(params, {"idempotency_key": key}))

    async def capture(self, intent_id: str, amount_minor: int, key: str) -> Answer | Failure:
        return await _one(
            lambda: self._intents.capture_async(
                intent_id, {"amount_to_capture": amount_minor}, {"idempotency_key": key}
            )
        )

    async def cancel(self, intent_id: str, key: str) -> Answer | Failure:
        return await _one(
            lambda: self._intents.cancel_async(intent_id, {}, {"idempotency_key": key})
        )

    async def retrieve(self, intent_id: str) -> Answer | Failure:
        return await _one(lambda: self._intents.retrieve_async(intent_id))

    async def page(
        self, since: int, limit: int, after: str | None
    ) -> tuple[tuple[Intent, ...], bool] | Failure:
        """Intents created since, newest first, after the one named; and whether there are more."""
        params: dict[str, Any] = {"created": {"gte": since}, "limit": limit}
        if after is not None:
            params["starting_after"] = after
        got = await _json(lambda: self._intents.list_async(params))  # type: ignore[arg-type]
        if isinstance(got, Failure):
            return got
        try:
            page = msgspec.convert(got.data, _Page)
        except msgspec.ValidationError:
            return Failure(reason="unreadable", status=got.code)
        return tuple(intent.known() for intent in page.data), page.has_more

    async def close(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]


class _Trail:
    """What became of one call over all the SDK's tries: might any of them have arrived?"""

    def __init__(self) -> None:
        self.maybe_sent = False
        self.cause: BaseException | None = None
        """Why the last try got no answer."""

    def failed(self, cause: BaseException | None) -> None:
        self.cause = cause
        if not isinstance(cause, _NO_CONNECTION):
            self.maybe_sent = True

    def answered(self) -> None:
        self.maybe_sent = True


# The SDK's tries run in the task of the call, with nothing of ours handed through.
_trail: ContextVar[_Trail] = ContextVar("_trail")


class _Http(stripe.AIOHTTPClient):
    """The SDK's aiohttp client, with every network error wrapped and every try followed."""

    def __init__(self, sleep: Sleep) -> None:
        limits = aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS)
        super().__init__(timeout=limits)
        self._sleep = sleep

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        trail = _trail.get()
        try:
            answer = await super().request_async(method, url, headers, post_data)
        except stripe.APIConnectionError as error:
            trail.failed(error.__cause__)
            raise
        except (aiohttp.ClientError, TimeoutError) as error:
            # This one came while the body was read.
            trail.failed(error)
            raise _connection_error(error) from error
        trail.answered()
        return answer

    def sleep_async(self, secs: float) -> Awaitable[None]:
        return self._sleep(secs)


class _Error(msgspec.Struct, frozen=True):
    """The last payment error of an intent, as far as it is of use."""

    code: str | None = None
    decline_code: str | None = None


class _Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A PaymentIntent as it comes: the fields that must be there, and those that may be null."""

    object: str
    id: str
    status: str
    amount: int
    amount_capturable: int
    amount_received: int
    currency: str
    livemode: bool
    metadata: dict[str, str]
    latest_charge: str | None = None
    last_payment_error: _Error | None = None
    client_secret: str | None = None

    def known(self) -> Intent:
        attempt = self.metadata.get("attempt", "")
        error = self.last_payment_error or _Error()
        return Intent(
            id=self.id,
            status=self.status,
            amount_minor=self.amount,
            amount_capturable_minor=self.amount_capturable,
            amount_received_minor=self.amount_received,
            currency=self.currency,
            livemode=self.livemode,
            order_id=self.metadata.get("order_id"),
            attempt=int(attempt) if attempt.isdecimal() else None,
            charge_id=self.latest_charge,
            decline_code=error.decline_code or error.code,
            client_secret=self.client_secret,
        )


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_Wire]
    has_more: bool


async def _one(call: Callable[[], Awaitable[stripe.StripeObject]]) -> Answer | Failure:
    """A call that answers with an intent."""
    got = await _json(call)
    if isinstance(got, Failure):
        return got
    intent = _read(got.data)
    if intent is None:
        return Failure(reason="unreadable", status=got.code)
    return Answer(intent=intent, replayed=_replayed(got.headers))


async def _json(
    call: Callable[[], Awaitable[stripe.StripeObject]],
) -> stripe.StripeResponse | Failure:
    with _trailing() as trail:
        try:
            got = await call()
            response = got.last_response
        except stripe.StripeError as error:
            return _failure(error, trail)
        except _TRIPS as error:
            return Failure(reason=type(error).__name__, maybe_sent=trail.maybe_sent)
    return Failure(reason="unreadable") if response is None else response


def _connection_error(error: Exception) -> stripe.APIConnectionError:
    # The SDK's constructor carries no annotations.
    wrapped = stripe.APIConnectionError(type(error).__name__, should_retry=True)  # type: ignore[no-untyped-call]
    assert isinstance(wrapped, stripe.APIConnectionError)
    return wrapped


@contextmanager
def _trailing() -> Iterator[_Trail]:
    trail = _Trail()
    token = _trail.set(trail)
    try:
        yield trail
    finally:
        _trail.reset(token)


def _failure(error: stripe.StripeError, trail: _Trail) -> Failure:
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
        intent=_read(said.get("payment_intent")),
    )


def _read(data: object) -> Intent | None:
    try:
        wire = msgspec.convert(data, _Wire)
    except msgspec.ValidationError:
        return None
    return wire.known() if wire.object == "payment_intent" else None


def _replayed(headers: Mapping[str, str] | None) -> bool:
    # aiohttp's headers find a name in whatever case it came.
    return headers is not None and headers.get("Idempotent-Replayed") == "true"
