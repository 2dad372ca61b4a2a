"""What the runtime counts, as Prometheus metrics of one registry a node.

docs/metrics.md lists them all; a test compares it with the help texts here, both ways.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["Telemetry"]

# From a commit on a fast disk to a stalled one; lateness is promised within 100 ms.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Pool(Protocol):
    """Workers of one kind."""

    @property
    def running(self) -> int: ...

    @property
    def waiting(self) -> int: ...


class Telemetry:
    """The runtime's metrics; `registry` is what `/metrics` shows."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._turns = Counter(
            "actors_turns", "Messages handled, by kind of actor or worker and by outcome",
            ["kind", "outcome"], registry=registry,
        )  # fmt: skip
        self.restarts = Counter(
            "actors_restarts", "Failures after which an actor's memory was dropped", ["service"],
            registry=registry,
        )  # fmt: skip
        self.parked = Counter(
            "actors_parked", "Durable messages set aside for good after their retries", ["service"],
            registry=registry,
        )  # fmt: skip
        self.quarantined = Gauge(
            "actors_quarantined", "Actors left alone for a minute because they keep failing",
            ["service"], registry=registry,
        )  # fmt: skip
        self.degraded = Gauge(
            "actors_service_degraded", "1 while a service refuses because many of its actors fail",
            ["service"], registry=registry,
        )  # fmt: skip
        self.discarded = Counter(
            "actors_turns_discarded",
            "Turns not kept: computed from stale memory, or fenced by another owner",
            ["kind", "why"], registry=registry,
        )  # fmt: skip
        self.refused = Counter(
            "actors_mailbox_full", "Asks refused by a full mailbox, or a full queue of workers",
            ["kind"], registry=registry,
        )  # fmt: skip
        self.resident = Gauge("actors_resident", "Actors in memory", registry=registry)
        self._workers_running = Gauge(
            "actors_workers_running", "Effects of workers that run", ["kind"], registry=registry
        )
        self._workers_waiting = Gauge(
            "actors_workers_waiting", "Messages that wait for a worker", ["kind"],
            registry=registry,
        )  # fmt: skip
        self.batch_turns = Histogram(
            "actors_commit_batch_turns", "Turns made durable by one commit",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512), registry=registry,
        )  # fmt: skip
        self.commit_seconds = Histogram(
            "actors_commit_seconds", "Seconds one commit took, for all turns in it",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._lateness_seconds = Histogram(
            "actors_timer_lateness_seconds",
            "Seconds from when a durable message was due to the commit of its turn", ["message"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.timers_waiting = Gauge(
            "actors_timers_waiting", "Timers in memory: due within a minute", registry=registry
        )
        self.outages = Counter(
            "actors_store_outages", "Commits that met a store out of reach", registry=registry
        )
        self._store_available = Gauge(
            "actors_store_available", "0 while the store is out of reach and asks are refused",
            registry=registry,
        )  # fmt: skip
        self._ready = Gauge(
            "actors_ready", "1 from the end of the start to the drain", registry=registry
        )
        self._loop_lag_seconds = Histogram(
            "actors_loop_lag_seconds",
            "Seconds by which the event loop came late to a mark it sets ten times a second",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        Gauge(
            "actors_loop_tasks", "Tasks of the event loop that have not ended", registry=registry
        ).set_function(_tasks)
        # Looking a child up by its labels takes a lock and costs as much as the counting itself.
        self.turns_count = self.batches_count = self.committed_count = self.due_count = 0
        self.batches_seconds = self.late_seconds = 0.0
        """The same once more, where a page can read them without walking through all metrics."""
        self._turns_of: dict[tuple[str, str], Counter] = {}
        self._lateness_of: dict[str, Histogram] = {}

    def show(
        self,
        *,
        services: Iterable[str],
        pools: Mapping[str, Pool],
        is_ready: Callable[[], bool],
        is_store_available: Callable[[], bool],
    ) -> None:
        """Show what is there before anything happens, and ask the rest when somebody looks."""
        for name in services:
            for each in (self.restarts, self.parked, self.quarantined, self.degraded):
                each.labels(service=name)
        for kind, pool in pools.items():
            self._workers_running.labels(kind=kind).set_function(partial(_running, pool))
            self._workers_waiting.labels(kind=kind).set_function(partial(_waiting, pool))
        self._ready.set_function(is_ready)
        self._store_available.set_function(is_store_available)

    def lagged(self, seconds: float) -> None:
        """The event loop came *seconds* late to what was to be done now."""
        self._loop_lag_seconds.observe(max(seconds, 0.0))

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
        self.committed_count += turns
        self.batches_seconds += seconds

    def was_late(self, message: str, seconds: float) -> None:
        """The turn of a durable *message* was committed *seconds* after it was due."""
        child = self._lateness_of.get(message)
        if child is None:
            child = self._lateness_of[message] = self._lateness_seconds.labels(message=message)
        late = max(seconds, 0.0)
        child.observe(late)
        self.due_count += 1
        self.late_seconds += late


def _tasks() -> float:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # Somebody looks from outside of the loop.
        return 0.0


def _running(pool: Pool) -> float:
    return pool.running


def _waiting(pool: Pool) -> float:
    return pool.waiting
