"""What the gateway counts: requests, by route and status, and how long they took."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

__all__ = ["HttpMetrics"]

# From an answer out of memory to one that waited for a payment.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class HttpMetrics:
    """The gateway's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        requests = Counter(
            "http_requests", "Requests answered", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        seconds = Histogram(
            "http_request_seconds", "Time from request to answer", ["method", "route"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
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

    def exposition(self, *others: CollectorRegistry) -> bytes:
        """Everything in Prometheus' text format, with that of *others*."""
        return b"".join(generate_latest(registry) for registry in (self.registry, *others))
