"""The hub: topics that somebody watches, the sockets that do, and the rounds in which they hear.

A change comes from the bus, after its commit, and only marks its topics. One task then brings all
sockets up to date, each with a single write for all its topics; a change that meets an idle hub
goes out at once, and then at most one write goes to a socket every `TICK_SECONDS`, or more seldom
when a round takes long, because the kernel's `send` is what all this costs. What happens in between
is not queued: it is the newest state, and is told in the next round.

A topic is watched on the bus from the moment somebody asks for it, before the database is read;
what the read then brings is only taken in where it is newer. So nothing falls in between.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from actors import Bus, Change, Clock, Gatherer, Ids, UnavailableError
from actors.tasks import Tasks
from ticketing.auth.tokens import Claims
from ticketing.vault import Vault
from web.live import frames, protocol
from web.live.admission import HANDSHAKES_PER_SECOND, Admission
from web.live.metrics import LiveMetrics
from web.live.names import Kind, Name
from web.live.people import People
from web.live.protocol import Close
from web.live.socket import HELD_BYTES_MAX, LiveSocket, Transport
from web.live.sources import Found, Sources
from web.live.topic import Item, Topic

__all__ = ["SENDS_AT_ONCE", "TICK_SECONDS", "TOPICS_MAX", "Hub"]

log = structlog.get_logger("web.live")

TICK_SECONDS: Final = 0.05  # Nobody sees a twentieth of a second.
_PAUSE_SECONDS_MAX: Final = 0.5
_PAUSE_FACTOR: Final = 1.5
"""Rounds take two fifths of the time at most: the rest is for those who buy."""

SENDS_AT_ONCE: Final = 256
"""Writes until others get their turn: 256 are 4 ms."""

_SWEEP_SECONDS: Final = 1.0  # In which a session that ended, or a socket that is stuck, is noticed.

# As long as a client takes to come back; then it hears what it missed and not everything again.
_IDLE_TOPIC_SECONDS: Final = 30.0
TOPICS_MAX: Final = 50_000
"""Ten thousand sockets with five topics each that nobody else has."""

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
        admission: Admission,
    ) -> None:
        self.metrics = LiveMetrics()
        self.sockets: set[LiveSocket] = set()
        self.topics: dict[str, Topic] = {}
        self.people = People(bus, self.close)
        self.admission = admission
        self.is_draining = False
        self._bus = bus
        self._clock = clock
        self._ids = ids
        self._loader = loader
        self._sources = Sources(vault, clock)
        self._dirty: set[Topic] = set()
        self._behind: set[LiveSocket] = set()
        self._leaving: dict[Transport, float] = {}
        self._wake = asyncio.Event()
        self._swept_at = clock.monotonic()
        self._beat_at = clock.monotonic()
        self._tasks: Tasks | None = None
        self._epochs = 0
        self._epoch = f"{ids.dice.getrandbits(40):x}"

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

    @asynccontextmanager
    async def holding(self, names: Iterable[Name]) -> AsyncIterator[Mapping[Name, Topic]]:
        """Those of *names* that can be subscribed to, kept while the context lasts.

        What is missing cannot be read at the moment, or there are too many topics. What has to be
        read is read at one go: the reads of all, and of others who subscribe now, gather.
        """
        held = {name: topic for name in names if (topic := self._topic(name)) is not None}
        for topic in held.values():
            topic.holds += 1
        try:
            missing = [name for name, topic in held.items() if not topic.is_loaded]
            if missing:
                await asyncio.gather(*(self._load(held[name], name) for name in missing))
            yield {name: topic for name, topic in held.items() if topic.is_loaded}
        finally:
            for topic in held.values():
                topic.holds -= 1
                self._note_if_idle(topic)

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
        topic = self.topics.get(name.internal)
        if topic is not None and topic in socket.cursors:
            self._leave(socket, topic)

    def _leave(self, socket: LiveSocket, topic: Topic) -> None:
        del socket.cursors[topic]
        topic.sockets.discard(socket)
        self.metrics.subscriptions.dec()
        self._note_if_idle(topic)

    def _note_if_idle(self, topic: Topic) -> None:
        if not topic.sockets and not topic.holds:
            topic.idle_since = self._clock.monotonic()

    def _topic(self, name: Name) -> Topic | None:
        """The topic, watched from now on; None if there are too many."""
        topic = self.topics.get(name.internal)
        if topic is None:
            if len(self.topics) >= TOPICS_MAX:
                return None
            self._epochs += 1
            epoch = f"{self._epoch}.{self._epochs:x}"
            topic = Topic(
                name.internal,
                name.wire,
                self._sources.of(name),
                epoch=epoch,
                is_feed=name.kind is Kind.TICKETS,
            )
            topic.end_watch = self._bus.watch(name.on_bus, partial(self._changed, topic))
            self.topics[name.internal] = topic
            self.metrics.topics.set(len(self.topics))
        return topic

    async def _load(self, topic: Topic, name: Name) -> None:
        """Take in what the database has; whatever the bus has brought meanwhile is newer.

        If it cannot be read the topic stays as it is: not loaded.
        """
        try:
            found = await self._loader.get(name) or Found()
        except UnavailableError:
            return
        if topic.is_loaded:
            return  # Somebody else who waited was first.
        topic.is_feed = topic.is_feed or found.is_partial
        for item in topic.source.items(found):
            topic.put(item)
        topic.is_loaded = True
        topic.begin()

    def _forget_idle(self, now: float) -> None:
        idle = [
            topic
            for topic in self.topics.values()
            if topic.idle_since is not None and now - topic.idle_since >= _IDLE_TOPIC_SECONDS
        ]
        for topic in idle:
            topic.end_watch()
            del self.topics[topic.name]
        self.metrics.topics.set(len(self.topics))

    # Changes.

    def _changed(self, topic: Topic, change: Change) -> None:
        """The bus brings a change; it is told in the next round."""
        item: Item | None = topic.source.item(change)
        if item is None or not topic.put(item):
            return
        self.metrics.items.inc()
        if topic.changed_at is None:
            topic.changed_at = self._clock.monotonic()
        if topic.sockets:
            self._dirty.add(topic)
            self._wake.set()

    # Rounds.

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
        oldest = [topic.changed_at for topic in topics if topic.changed_at is not None]
        for topic in topics:
            topic.begin()
            topic.changed_at = None
        await self._tell(self._behind.union(*(topic.sockets for topic in topics)))
        ended = self._clock.monotonic()
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
        self._forget_idle(now)
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

    def start(self, on_failure: Callable[[], None]) -> None:
        """Begin with the rounds; *on_failure* is called if they should ever end by themselves."""
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
        if self._tasks is not None:
            await self._tasks.stop()
