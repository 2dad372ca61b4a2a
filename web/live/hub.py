"""The hub: the sockets, and the rounds in which they hear what has changed.

A change comes from the bus, after its commit, and only marks its topics. One task then brings all
sockets up to date, each with a single write for all its topics; a change that meets an idle hub
goes out at once, and then at most one write goes to a socket every `TICK_SECONDS`, or more seldom
when a round takes long, because the kernel's `send` is what all this costs. What happens in between
is not queued: it is the newest state, and is told in the next round.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from actors import Bus, Clock, Gatherer, Ids, tracing
from actors.link import Link
from actors.tasks import Tasks
from actors.tracing import Span, Tracer
from ticketing.auth.tokens import Claims
from ticketing.vault import Vault
from web.live import frames, protocol
from web.live.admission import HANDSHAKES_PER_SECOND, Admission
from web.live.looks import Looks
from web.live.metrics import LiveMetrics
from web.live.names import Name
from web.live.people import Epochs, People
from web.live.protocol import Close
from web.live.resync import Resync
from web.live.socket import HELD_BYTES_MAX, LiveSocket, Transport
from web.live.sources import Found
from web.live.topic import Topic
from web.live.topics import Topics

__all__ = ["SENDS_AT_ONCE", "TICK_SECONDS", "Hub"]

log = structlog.get_logger("web.live")

TICK_SECONDS: Final = 0.05  # Nobody sees a twentieth of a second.
_PAUSE_SECONDS_MAX: Final = 0.5
_PAUSE_FACTOR: Final = 1.5
"""Rounds take two fifths of the time at most: the rest is for those who buy."""

SENDS_AT_ONCE: Final = 256
"""Writes until others get their turn: 256 are 4 ms."""

_SWEEP_SECONDS: Final = 1.0  # In which a session that ended, or a socket that is stuck, is noticed.

# After a restart there is one second of 503s at the least, so nobody needs to come earlier.
_SPREAD_SECONDS_MIN: Final = 1.0

# From a `bye` to the end of the line, if the client does not close it.
_GOODBYE_SECONDS: Final = 2.0


class Hub:
    """All live updates of one gateway."""

    def __init__(
        self,
        *,
        bus: Bus,
        clock: Clock,
        ids: Ids,
        vault: Vault,
        loader: Gatherer[Name, Found],
        epochs: Epochs,
        admission: Admission,
        link: Link | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.metrics = LiveMetrics()
        self.sockets: set[LiveSocket] = set()
        self.looks = Looks(clock)
        """What administrators watch; nobody sees anything before somebody can look."""
        self.topics = Topics(
            bus=bus,
            clock=clock,
            ids=ids,
            vault=vault,
            loader=loader,
            looks=self.looks,
            on_news=self._has_news,
            on_doubt=lambda name: self.resync.add(name),  # noqa: PLW0108 - it is made below
        )
        self.people = People(bus, self.close, epochs=epochs, link=link)
        self.resync = Resync(clock, self.topics, self.people, self.metrics)
        bus.when_lost(self.resync.lost)
        self.admission = admission
        self.is_draining = False
        self._clock = clock
        self._ids = ids
        self._tracer = tracer
        self._pushes: list[Span] = []
        self._dirty: set[Topic] = set()
        self._behind: set[LiveSocket] = set()
        self._leaving: dict[Transport, float] = {}
        self._wake = asyncio.Event()
        self._swept_at = clock.monotonic()
        self._beat_at = clock.monotonic()
        self._tasks: Tasks | None = None

    # Sockets.

    def add(self, socket: LiveSocket) -> None:
        self.sockets.add(socket)
        self.people.enter(socket)
        self.metrics.sockets.set(len(self.sockets))

    def sign_in(self, socket: LiveSocket, claims: Claims) -> Close | None:
        """*socket* is *claims*' from now on, or goes on with a renewed token; why it may not."""
        was_stranger = socket.user_id is None
        socket.claims = claims
        if not was_stranger:
            return None
        self.people.enter(socket)
        return self.admission.signed_in(claims.user_id)

    def remove(self, socket: LiveSocket) -> None:
        """The socket has ended, however it did; what it has not taken yet may still go out."""
        self.sockets.discard(socket)
        self._behind.discard(socket)
        self.people.leave(socket)
        self.admission.leave(socket)
        for topic in tuple(socket.cursors):
            self._leave(socket, topic)
        self.metrics.sockets.set(len(self.sockets))
        socket.transport.close()
        if socket.transport.get_write_buffer_size():
            self._leaving[socket.transport] = self._clock.monotonic() + _GOODBYE_SECONDS

    def close(
        self, socket: LiveSocket, code: Close, reason: str, *, after_seconds: float | None = None
    ) -> None:
        """Say goodbye; the client has `_GOODBYE_SECONDS` to close, then the line is cut."""
        if not socket.is_open:
            return
        socket.send(protocol.bye(code, reason, after_seconds=after_seconds))
        socket.closes_at = self._clock.monotonic() + _GOODBYE_SECONDS
        self.metrics.closed.labels(code=str(int(code))).inc()

    # Subscriptions.

    def subscribe(
        self, socket: LiveSocket, topic: Topic, since: str | None, reply_id: int | None
    ) -> None:
        """Tell *socket* what it lacks of *topic*, and from now on what changes.

        Nothing is awaited in between: that is why nothing is lost or repeated there.
        """
        if not socket.is_open:
            return
        mode, message = topic.welcome(since, self._clock.now(), reply_id)
        socket.send(frames.text(message))
        if topic not in socket.cursors:
            self.metrics.subscriptions.inc()
        socket.cursors[topic] = topic.seq
        topic.sockets.add(socket)
        topic.idle_since = None
        self.metrics.resumed[mode].inc()

    def unsubscribe(self, socket: LiveSocket, name: Name) -> None:
        topic = self.topics.get(name)
        if topic is not None and topic in socket.cursors:
            self._leave(socket, topic)

    def expel(self, socket: LiveSocket, topic: Topic, code: str) -> None:
        """End the subscription of *socket*, and say why."""
        self._leave(socket, topic)
        socket.send(protocol.gone(topic.wire_name, code, retry=False))

    def _leave(self, socket: LiveSocket, topic: Topic) -> None:
        del socket.cursors[topic]
        topic.sockets.discard(socket)
        self.metrics.subscriptions.dec()
        self.topics.note_if_idle(topic)

    # Rounds.

    def _has_news(self, topic: Topic) -> None:
        """A change has been committed; it is told in the next round."""
        self.metrics.items.inc()
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

    async def run(self) -> None:
        """Bring everybody up to date, round after round, until cancelled."""
        while True:
            await self._wait()
            pause = await self.flush()
            await self.sweep()
            if pause:
                await self._clock.sleep(pause)

    async def _wait(self) -> None:
        """Until something has changed, or it is time to look after somebody."""
        seconds = TICK_SECONDS if self._behind else _SWEEP_SECONDS
        try:
            async with asyncio.timeout(seconds):
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
            self.metrics.push_seconds.observe(ended - committed_at)
        self.metrics.flush_seconds.observe(ended - began)
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
        self.metrics.writes.inc(writes)
        self.metrics.frames.inc(frames)
        self.metrics.skipped.inc(skipped)

    def _bring(self, socket: LiveSocket, now: datetime, framed: set[Topic]) -> int | None:
        """One write with all that *socket* lacks; how many updates, None if it was not free."""
        if not socket.is_open:
            self._behind.discard(socket)
            return 0
        if not self._is_free(socket):
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

    def _is_free(self, socket: LiveSocket) -> bool:
        """Whether *socket* can take more; one that has not for long is cut off."""
        now = self._clock.monotonic()
        if socket.is_free(now):
            return True
        self._behind.add(socket)
        if socket.is_stuck(now):
            self._behind.discard(socket)
            self.metrics.aborted.inc()
            log.info("live.aborted", conn=socket.id, why="it took nothing")
            socket.transport.abort()
        return False

    # Looking after sockets and topics.

    async def sweep(self) -> None:
        """If it is time: say that we are here, end what is over, forget what nobody watches."""
        now = self._clock.monotonic()
        if now - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = now
        beats = now - self._beat_at >= protocol.HEARTBEAT_SECONDS
        if beats:
            self._beat_at = now
        heartbeat = protocol.heartbeat(self.milliseconds()) if beats else b""
        for number, socket in enumerate(tuple(self.sockets), 1):
            self._look_after(socket, heartbeat)
            if number % SENDS_AT_ONCE == 0:
                await asyncio.sleep(0)
        self.topics.forget_idle()
        self.metrics.topics.set(len(self.topics))
        for transport, until in tuple(self._leaving.items()):
            if now >= until:
                transport.abort()
                del self._leaving[transport]

    def _look_after(self, socket: LiveSocket, heartbeat: bytes) -> None:
        if socket.closes_at is not None:
            if self._clock.monotonic() >= socket.closes_at:
                socket.transport.abort()
            return
        claims = socket.claims
        if claims is not None and claims.expires_at <= self._clock.now():
            self.close(socket, Close.SESSION_ENDED, "session ended", after_seconds=0)
        elif self._is_free(socket) and heartbeat:
            socket.send(heartbeat)

    def milliseconds(self) -> int:
        """The time of day, as clients are told it."""
        return int(self._clock.now().timestamp() * 1000)

    # From start to drain.

    async def start(self, on_failure: Callable[[], None]) -> None:
        """Begin with the rounds; *on_failure* is called if they should ever end by themselves."""
        await self.people.open()
        self._tasks = Tasks(lambda _name, _error: on_failure())
        self._tasks.start(self.run(), "live updates")

    async def drain(self) -> None:
        """Say goodbye to everybody, and when to come back: not all at one moment."""
        self.is_draining = True
        spread = max(_SPREAD_SECONDS_MIN, len(self.sockets) / HANDSHAKES_PER_SECOND)
        for number, socket in enumerate(tuple(self.sockets), 1):
            after = round(self._ids.dice.uniform(0, spread), 2)
            self.close(socket, Close.DRAINING, "the server restarts", after_seconds=after)
            if number % SENDS_AT_ONCE == 0:
                await asyncio.sleep(0)
        deadline = self._clock.monotonic() + _GOODBYE_SECONDS
        while self.sockets and self._clock.monotonic() < deadline:
            await self._clock.sleep(TICK_SECONDS)
        for socket in self.sockets:
            socket.transport.abort()

    async def stop(self) -> None:
        """End the rounds."""
        await self.looks.stop()
        await self.resync.stop()
        if self._tasks is not None:
            await self._tasks.stop()
