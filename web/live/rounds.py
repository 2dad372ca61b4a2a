"""The rounds in which sockets hear what has changed.

A change comes from the bus, after its commit, and only marks its topics. One task then brings all
sockets up to date, each with a single write for all its topics; a change that meets an idle hub
goes out at once, and then at most one write goes to a socket every `TICK_SECONDS`, or more seldom
when a round takes long, because the kernel's `send` is what all this costs. What happens in between
is not queued: it is the newest state, and is told in the next round.
"""

import asyncio
from datetime import datetime
from typing import Final

import structlog

from actors import Clock, tracing
from actors.tracing import Span, Tracer
from web.live.metrics import LiveMetrics
from web.live.socket import HELD_BYTES_MAX, LiveSocket
from web.live.topic import Topic

__all__ = ["SENDS_AT_ONCE", "TICK_SECONDS", "Rounds"]

log = structlog.get_logger("web.live")

TICK_SECONDS: Final = 0.05  # Nobody sees a twentieth of a second.
_PAUSE_SECONDS_MAX: Final = 0.5
_PAUSE_FACTOR: Final = 1.5
"""Rounds take two fifths of the time at most: the rest is for those who buy."""

SENDS_AT_ONCE: Final = 256
"""Writes until others get their turn: 256 are 4 ms."""


class Rounds:
    """Which topics have changed, and which sockets have not heard of it yet."""

    def __init__(self, clock: Clock, metrics: LiveMetrics, tracer: Tracer | None) -> None:
        self._clock = clock
        self._metrics = metrics
        self._tracer = tracer
        self._pushes: list[Span] = []
        self._dirty: set[Topic] = set()
        self._behind: set[LiveSocket] = set()
        self._wake = asyncio.Event()

    def has_news(self, topic: Topic) -> None:
        """A change has been committed; it is told in the next round."""
        self._metrics.items.inc()
        if not topic.sockets:
            return
        if topic.changed_at is None:
            topic.changed_at = self._clock.monotonic()
        self._dirty.add(topic)
        if self._tracer is not None:
            self._trace(self._tracer, topic)
        self._wake.set()

    def _trace(self, tracer: Tracer, topic: Topic) -> None:
        """From the commit to the end of the round that tells it, in the trace of the turn."""
        span = tracing.begun(tracer, "live push", topic=topic.wire_name)
        if span is not None:
            self._pushes.append(span)

    def forget(self, socket: LiveSocket) -> None:
        """The socket has ended: nothing more is told to it."""
        self._behind.discard(socket)

    async def wait(self, seconds: float) -> None:
        """Until something has changed or somebody is behind, and so many *seconds* at most."""
        try:
            async with asyncio.timeout(TICK_SECONDS if self._behind else seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def flush(self) -> float:
        """One round; the seconds to leave the others alone after it."""
        if not self._dirty and not self._behind:
            return 0.0
        began = self._clock.monotonic()
        topics, self._dirty = self._dirty, set()
        pushes, self._pushes = self._pushes, []
        oldest = [topic.changed_at for topic in topics if topic.changed_at is not None]
        for topic in topics:
            topic.begin()
            topic.changed_at = None
        await self._tell(self._behind.union(*(topic.sockets for topic in topics)))
        ended = self._clock.monotonic()
        for push in pushes:
            push.end()
        for committed_at in oldest:
            self._metrics.push_seconds.observe(ended - committed_at)
        self._metrics.flush_seconds.observe(ended - began)
        return min(_PAUSE_SECONDS_MAX, max(TICK_SECONDS, _PAUSE_FACTOR * (ended - began)))

    async def _tell(self, sockets: set[LiveSocket]) -> None:
        """Bring *sockets* up to the targets of their topics."""
        now = self._clock.now()
        framed: set[Topic] = set()
        writes = frames = skipped = 0
        for number, socket in enumerate(sockets, 1):
            told = self._bring(socket, now, framed)
            if told is None:
                skipped += 1
            elif told:
                writes += 1
                frames += told
            if number % SENDS_AT_ONCE == 0:
                await asyncio.sleep(0)
        for topic in framed:
            topic.finish()
        self._metrics.writes.inc(writes)
        self._metrics.frames.inc(frames)
        self._metrics.skipped.inc(skipped)

    def _bring(self, socket: LiveSocket, now: datetime, framed: set[Topic]) -> int | None:
        """One write with all that *socket* lacks; how many updates, None if it was not free."""
        if not socket.is_open:
            self._behind.discard(socket)
            return 0
        if not self.is_free(socket):
            return None
        self._behind.discard(socket)
        parts: list[bytes] = []
        size = 0
        for topic in socket.behind():
            if size > HELD_BYTES_MAX:
                self._behind.add(socket)  # The rest when this has gone.
                break
            frame, socket.cursors[topic] = topic.frame(socket.cursors[topic], now)
            framed.add(topic)
            parts.append(frame)
            size += len(frame)
        if parts:
            socket.transport.write(parts[0] if len(parts) == 1 else b"".join(parts))
        return len(parts)

    def is_free(self, socket: LiveSocket) -> bool:
        """Whether *socket* can take more; one that has not for long is cut off."""
        now = self._clock.monotonic()
        if socket.is_free(now):
            return True
        self._behind.add(socket)
        if socket.is_stuck(now):
            self._behind.discard(socket)
            self._metrics.aborted.inc()
            log.info("live.aborted", conn=socket.id, why="it took nothing")
            socket.transport.abort()
        return False
