"""All metrics of a process, as the code declares them."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from prometheus_client import CollectorRegistry

from actors import SystemClock
from actors.telemetry import Telemetry
from ticketing.fsck.rounds import Rounds
from ticketing.payments.alarm import CaptureAlarm
from web.live.metrics import LiveMetrics
from web.metrics import HttpMetrics, InboxMetrics

__all__ = ["Metric", "declared", "exposition", "samples"]

# What each type adds to its name in what Prometheus stores.
_SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}


class Metric(NamedTuple):
    """A metric by what is said of it."""

    type: str
    labels: tuple[str, ...]
    meaning: str


def declared() -> Mapping[str, Metric]:
    """Every metric by its name."""
    return {name: metric for registry in _registries() for name, metric in _of(registry)}


def samples() -> Mapping[str, set[str]]:
    """Every name that a query may use, and the labels it has."""
    of_buckets = {"histogram": {"le"}}
    return {
        name + suffix: {*metric.labels, *of_buckets.get(metric.type, ())}
        for name, metric in declared().items()
        for suffix in _SUFFIXES[metric.type]
    }


def exposition() -> str:
    """What `GET /metrics` says of a process that has done nothing yet."""
    return HttpMetrics().exposition(*_registries()[1:]).decode()


def _registries() -> list[CollectorRegistry]:
    async def none() -> tuple[int, int]:
        return 0, 0

    clock = SystemClock()
    runtime, alarm = Telemetry().registry, CaptureAlarm(clock)
    runtime.register(alarm.gauge)
    runtime.register(alarm.refunds_failed)
    for each in Rounds(cast("Any", None), clock).metrics:
        runtime.register(each)
    inbox = InboxMetrics(clock, none).registry
    return [HttpMetrics().registry, inbox, runtime, LiveMetrics().registry]


def _of(registry: CollectorRegistry) -> Iterator[tuple[str, Metric]]:
    for collector in tuple(registry._collector_to_names):
        for family in collector.collect():
            labels = tuple(getattr(collector, "_labelnames", ()))
            yield family.name, Metric(family.type, labels, family.documentation)


IS_LINUX = sys.platform == "linux"
"""Elsewhere the process itself is not measured."""
