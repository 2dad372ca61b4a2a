"""The SDK's aiohttp client with its sharp edges off, and a trail of what became of a call.

What stripe-python 16 does by itself and must not (found by reading and trying it): an 80 s
time-out, and errors while the body is read escape as they are, neither retried nor wrapped.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import aiohttp
import stripe

__all__ = ["Http", "Sleep", "Trail", "trailing"]

# The caller of POST /api/payments waits 10 s; a try that takes longer is of no use to it.
TOTAL_SECONDS: Final = 10.0
# Stripe is far from nobody: a host that does not accept within 3 s does not accept.
CONNECT_SECONDS: Final = 3.0

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

# No connection came about, so no byte of the request can have left. `ClientConnectorError` comes
# from the connector alone (refused, unreachable, not resolved, TLS), the other one from the time
# limit on connecting; a limit that fires later is a plain TimeoutError.
_NO_CONNECTION: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class Trail:
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
_trail: ContextVar[Trail] = ContextVar("_trail")


class Http(stripe.AIOHTTPClient):
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


@contextmanager
def trailing() -> Iterator[Trail]:
    """Follow the one call that is made inside."""
    trail = Trail()
    token = _trail.set(trail)
    try:
        yield trail
    finally:
        _trail.reset(token)


def _connection_error(error: Exception) -> stripe.APIConnectionError:
    # The SDK's constructor carries no annotations.
    wrapped = stripe.APIConnectionError(type(error).__name__, should_retry=True)  # type: ignore[no-untyped-call]
    assert isinstance(wrapped, stripe.APIConnectionError)
    return wrapped
