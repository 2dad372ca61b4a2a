"""What live updates count, in a registry of their own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from web.live.topic import Mode

__all__ = ["LiveMetrics"]

# 20 ms is what an idle hub promises; the last ones are what a stuck client is cut off after.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)


class LiveMetrics:
    """The metrics of one hub."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.sockets = Gauge("live_sockets", "Sockets that are open", registry=registry)
        self.topics = Gauge(
            "live_topics", "Topics in memory, watched or left a moment ago", registry=registry
        )
        self.subscriptions = Gauge(
            "live_subscriptions", "Topics watched, of all sockets", registry=registry
        )
        self.writes = Counter(
            "live_writes",
            "Writes of updates to sockets, each for all their topics",
            registry=registry,
        )
        self.frames = Counter(
            "live_frames", "Updates sent, one for each topic of each socket", registry=registry
        )
        self.items = Counter(
            "live_items", "Changes of items, before they are sent to anybody", registry=registry
        )
        self.skipped = Counter(
            "live_ticks_skipped", "Times a slow socket was left out of a round", registry=registry
        )
        self.aborted = Counter(
            "live_aborted", "Sockets cut off because they took nothing", registry=registry
        )
        self.refused = Counter(
            "live_refused", "Handshakes refused, by reason", ["reason"], registry=registry
        )
        resumed = Counter(
            "live_resumed", "Subscriptions, by how they began", ["mode"], registry=registry
        )
        self.resumed = {mode: resumed.labels(mode=mode) for mode in Mode.ALL}
        self.closed = Counter(
            "live_closed", "Sockets that we closed, by code", ["code"], registry=registry
        )
        self.missed = Counter(
            "live_missed",
            "Times when changes may have been missed, and all topics were read anew",
            registry=registry,
        )
        self.reread = Counter(
            "live_topics_reread", "Topics read anew, because changes may have been missed",
            registry=registry,
        )  # fmt: skip
        self.push_seconds = Histogram(
            "live_push_seconds",
            "Seconds from the commit of a topic's oldest change to the last write that told it",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self.flush_seconds = Histogram(
            "live_flush_seconds", "Seconds one round of writes took, over all sockets",
            buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
