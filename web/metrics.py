"""What the gateway counts: requests, by route and status, and how long they took; webhooks.

docs/metrics.md lists all metrics; a test compares it with the help texts in the code, both ways.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeAlias, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from actors import Clock, UnavailableError

__all__ = ["HttpMetrics", "InboxMetrics"]

# From an answer out of memory to one that waited for a payment.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Anybody may look as often as they like; the database is asked this seldom.
_COUNT_EVERY_SECONDS: Final = 5.0

WebhookOutcome: TypeAlias = Literal["told", "ignored", "refused"]
WEBHOOKS: Final[tuple[WebhookOutcome, ...]] = get_args(WebhookOutcome)


class HttpMetrics:
    """The gateway's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        requests = Counter(
            "http_requests", "Requests answered, by route and status",
            ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        seconds = Histogram(
            "http_request_seconds", "Seconds from request to answer, by route", ["method", "route"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        webhooks = Counter(
            "stripe_webhooks", "Events of the payment provider's: told to a payment, ignored"
            " because nothing follows from them, or refused for their signature or body",
            ["outcome"], registry=self.registry,
        )  # fmt: skip
        ProcessCollector(registry=self.registry)
        self._webhooks = {each: webhooks.labels(outcome=each) for each in WEBHOOKS}
        self._requests = requests
        self._seconds = seconds
        # `labels()` costs more than counting does. The routes are ours and bound the size.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. *route* is a declared path, never what somebody typed."""
        children = self._children.get((method, route, status))
        if children is None:
            children = (
                self._requests.labels(method=method, route=route, status=str(status)),
                self._seconds.labels(method=method, route=route),
            )
            self._children[method, route, status] = children
        counter, histogram = children
        counter.inc()
        histogram.observe(seconds)

    def webhook(self, outcome: WebhookOutcome) -> None:
        """Count one event of the payment provider's."""
        self._webhooks[outcome].inc()

    def exposition(self, *others: CollectorRegistry) -> bytes:
        """Everything in Prometheus' text format, with that of *others*."""
        return b"".join(generate_latest(registry) for registry in (self.registry, *others))


class InboxMetrics:
    """What waits in the database, counted when somebody looks: so it is true after a restart.

    *count* gives how many messages are parked, and how many are overdue.
    """

    def __init__(self, clock: Clock, count: Callable[[], Awaitable[tuple[int, int]]]) -> None:
        self.registry = CollectorRegistry()
        self._parked = Gauge(
            "actors_inbox_parked",
            "Durable messages that an operator must replay or discard, in the whole deployment",
            registry=self.registry,
        )
        self._overdue = Gauge(
            "actors_inbox_overdue",
            "Durable messages more than a second late, in the whole deployment",
            registry=self.registry,
        )
        self._clock = clock
        self._count = count
        self._counted_at = -float("inf")

    async def measure(self) -> None:
        """Count anew if that is some time ago. What cannot be counted is not a number."""
        if self._clock.monotonic() - self._counted_at < _COUNT_EVERY_SECONDS:
            return
        self._counted_at = self._clock.monotonic()
        try:
            parked, overdue = await self._count()
        except UnavailableError:
            self._parked.set(float("nan"))
            self._overdue.set(float("nan"))
        else:
            self._parked.set(parked)
            self._overdue.set(overdue)
