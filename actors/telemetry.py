"""What the runtime counts, as Prometheus metrics of one registry a node."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Telemetry"]

# From a commit on a fast disk to a stalled one; lateness is promised within 100 ms.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry:
    """The runtime's metrics; `registry` is what `/metrics` shows."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._turns = Counter(
            "actors_turns", "Messages handled, by kind and outcome", ["kind", "outcome"],
            registry=registry,
        )  # fmt: skip
        self.restarts = Counter(
            "actors_restarts", "Actors reloaded after a failure", ["service"], registry=registry
        )
        self.parked = Counter(
            "actors_parked", "Messages set aside after their retries", ["service"],
            registry=registry,
        )  # fmt: skip
        self.quarantined = Gauge(
            "actors_quarantined", "Actors left alone because they keep failing", ["service"],
            registry=registry,
        )  # fmt: skip
        self.degraded = Gauge(
            "actors_service_degraded", "1 while a service refuses because many actors fail",
            ["service"], registry=registry,
        )  # fmt: skip
        self.discarded = Counter(
            "actors_turns_discarded",
            "Turns not kept: computed from stale memory, or fenced by another owner",
            ["kind", "why"], registry=registry,
        )  # fmt: skip
        self.refused = Counter(
            "actors_mailbox_full", "Messages refused by a full mailbox", ["kind"],
            registry=registry,
        )  # fmt: skip
        self.resident = Gauge("actors_resident", "Actors in memory", registry=registry)
        self.batch_turns = Histogram(
            "actors_commit_batch_turns", "Turns made durable by one commit",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512), registry=registry,
        )  # fmt: skip
        self.commit_seconds = Histogram(
            "actors_commit_seconds", "Time one commit took", buckets=_SECONDS, registry=registry
        )
        self._lateness_seconds = Histogram(
            "actors_timer_lateness_seconds", "How late a timer's turn was committed", ["message"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.timers_waiting = Gauge(
            "actors_timers_waiting", "Timers in memory, not yet due", registry=registry
        )
        self.outages = Counter(
            "actors_store_outages", "Times the store could not be reached", registry=registry
        )
        # Looking a child up by its labels takes a lock and costs as much as the counting itself.
        self.turns_count = self.batches_count = 0
        self.batches_seconds = 0.0
        """The same once more, where a page can read them without walking through all metrics."""
        self._turns_of: dict[tuple[str, str], Counter] = {}
        self._lateness_of: dict[str, Histogram] = {}

    def turned(self, kind: str, outcome: str) -> None:
        """A message to an actor or worker of *kind* has been handled, with *outcome*."""
        child = self._turns_of.get((kind, outcome))
        if child is None:
            child = self._turns_of[kind, outcome] = self._turns.labels(kind=kind, outcome=outcome)
        child.inc()
        self.turns_count += 1

    def committed(self, turns: int, seconds: float) -> None:
        """One commit made *turns* durable."""
        self.batch_turns.observe(turns)
        self.commit_seconds.observe(seconds)
        self.batches_count += 1
        self.batches_seconds += seconds

    def was_late(self, message: str, seconds: float) -> None:
        """The turn of a durable *message* was committed *seconds* after it was due."""
        child = self._lateness_of.get(message)
        if child is None:
            child = self._lateness_of[message] = self._lateness_seconds.labels(message=message)
        child.observe(max(seconds, 0.0))
