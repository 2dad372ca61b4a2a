"""The hub: the sockets of one gateway, what they watch, and their life from hello to goodbye.

What they are told, and when, is `rounds`.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from actors import Bus, Clock, Gatherer, Ids
from actors.link import Link
from actors.tasks import Tasks
from actors.tracing import Tracer
from ticketing.auth.tokens import Claims
from ticketing.vault import Vault
from web.live import frames, protocol
from web.live.admission import HANDSHAKES_PER_SECOND, Admission
from web.live.looks import Looks
from web.live.metrics import LiveMetrics
from web.live.names import Name
from web.live.people import People
from web.live.protocol import Close
from web.live.resync import Resync
from web.live.rounds import SENDS_AT_ONCE, TICK_SECONDS, Rounds
from web.live.socket import LiveSocket, Transport
from web.live.sources import Found
from web.live.topic import Topic
from web.live.topics import Topics
from web.revocations import Revocations

__all__ = ["Hub"]

_SWEEP_SECONDS: Final = 1.0  # In which a session that ended, or a socket that is stuck, is noticed.

# After a restart there is one second of 503s at the least, so nobody needs to come earlier; where
# there are other gateways, those are there now.
_SPREAD_SECONDS_MIN: Final = 1.0
_SPREAD_SECONDS_MIN_AMONG_OTHERS: Final = 0.5

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
        revocations: Revocations,
        admission: Admission,
        link: Link | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.metrics = LiveMetrics()
        self.rounds = Rounds(clock, self.metrics, tracer)
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
            on_news=self.rounds.has_news,
            on_doubt=lambda name: self.resync.add(name),  # noqa: PLW0108 - it is made below
        )
        self.people = People(self.close, revocations)
        self.resync = Resync(clock, self.topics, revocations, self.metrics)
        bus.when_lost(self.resync.lost)
        self.admission = admission
        self.is_draining = False
        self._spread_min = _SPREAD_SECONDS_MIN if link is None else _SPREAD_SECONDS_MIN_AMONG_OTHERS
        self._clock = clock
        self._ids = ids
        self._revocations = revocations
        self._leaving: dict[Transport, float] = {}
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
        self.rounds.forget(socket)
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

    async def run(self) -> None:
        """Bring everybody up to date, round after round, until cancelled."""
        while True:
            await self.rounds.wait(_SWEEP_SECONDS)
            pause = await self.rounds.flush()
            await self.sweep()
            if pause:
                await self._clock.sleep(pause)

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
        elif self.rounds.is_free(socket) and heartbeat:
            socket.send(heartbeat)

    def milliseconds(self) -> int:
        """The time of day, as clients are told it."""
        return int(self._clock.now().timestamp() * 1000)

    # From start to drain.

    async def start(self, on_failure: Callable[[], None]) -> None:
        """Begin with the rounds; *on_failure* is called if they should ever end by themselves."""
        await self._revocations.open()
        self._tasks = Tasks(lambda _name, _error: on_failure())
        self._tasks.start(self.run(), "live updates")
        self._tasks.start(self._revocations.run(), "sessions that ended")

    async def drain(self) -> None:
        """Say goodbye to everybody, and when to come back: not all at one moment."""
        self.is_draining = True
        spread = max(self._spread_min, len(self.sockets) / HANDSHAKES_PER_SECOND)
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
