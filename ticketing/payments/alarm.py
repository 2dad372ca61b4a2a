"""The alarms about money: captures and refunds that went wrong, and what our books do not know.

They decide nothing.
"""

from collections.abc import Iterable
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from actors import Clock
from ticketing.payments.outcomes import Happened
from ticketing.payments.queries import UnknownCaptures

__all__ = ["CaptureAlarm", "unknown_captures"]

log = structlog.get_logger("ticketing.teller")

# Whoever reads the log knows by the first line; one a minute says that it goes on.
SAID_EVERY: Final = 60.0

# A node that measured last so long ago does so no more: another one does, and counts the same ones.
MEASURED_SECONDS: Final = 180.0

# Looks overlap: each intent is told of once, unless there are more than anybody would read.
TOLD_MAX: Final = 10_000

_UNKNOWN: Final = "ticketing_payments_unknown"


def unknown_captures(registry: CollectorRegistry) -> int:
    """What the gauge in *registry* says, without going through all other metrics."""
    metrics = registry.restricted_registry([_UNKNOWN]).collect()
    return int(sum(sample.value for metric in metrics for sample in metric.samples))


class CaptureAlarm:
    """Says it in the log and in `gauge`, for the registry of the node; so for refunds.

    What it takes to lower the gauge is money that is known to be taken, or known not to be.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0
        self._measured_at = self._said_at = -float("inf")
        self._told: set[tuple[str, bool]] = set()
        self.gauge = Gauge(
            _UNKNOWN,
            "Payments whose ticket is sold, and not known to be captured after 2 minutes",
            registry=None,
        )
        self.gauge.set_function(self._value)
        self.refunds_failed = Counter(
            "ticketing_refunds_failed",
            "Times the payment provider said that a refund did not arrive",
            registry=None,
        )

    def measured(self, unknown: UnknownCaptures) -> None:
        """Tell that there are so many."""
        self._count, self._measured_at = unknown.count, self._clock.monotonic()
        if unknown.count and self._measured_at - self._said_at >= SAID_EVERY:
            self._said_at = self._measured_at
            log.error("payments.captures_unknown", count=unknown.count, oldest=unknown.oldest)

    def unclaimed(self, moved: Iterable[Happened]) -> None:
        """Tell of money that moved for orders of which there is no such payment."""
        for each in moved:
            name = each.intent_id, each.is_refund
            if name not in self._told and len(self._told) < TOLD_MAX:
                self._told.add(name)
                log.error(
                    "payment.unclaimed", order=each.order_id, intent=each.intent_id,
                    status=each.status, refund=each.is_refund, at=each.created.isoformat(),
                )  # fmt: skip

    def _value(self) -> float:
        is_ours = self._clock.monotonic() - self._measured_at < MEASURED_SECONDS
        return self._count if is_ours else 0
