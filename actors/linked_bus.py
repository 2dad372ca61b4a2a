"""The bus between processes: what is committed here is heard at every node.

Each change is cast once, with the topics it belongs to, and the nodes where somebody listens decode
it and call their listeners. A cast may get lost, so all that one node says has numbers, without a
gap; once a second it says the last of them again. Who misses one knows it from the next, and tells
those who asked `when_lost`: they read anew what they know, from the database. So they do when a
node falls silent, which may be the line's fault or its end, and when it speaks again.

Nothing is repeated and nothing is kept: what was missed is read, not told.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
import structlog

from actors.bus import Change, LocalBus, Topics
from actors.clock import Clock
from actors.doing import named
from actors.link import Link
from actors.message import State, encode
from actors.ref import Ref
from actors.tasks import Tasks

__all__ = ["BEAT_SECONDS", "CHANGES", "FORGOTTEN_SECONDS", "SILENT_SECONDS", "LinkedBus"]

log = structlog.get_logger("actors.linked_bus")

CHANGES: Final = "changes"
"""The subject. One for all, because one node's casts to it arrive in their order."""

BEAT_SECONDS: Final = 1.0
"""How late a gap is noticed where nothing else happens."""

SILENT_SECONDS: Final = 3.0
"""Who has said nothing for three beats may have committed what nobody heard. It is said again every
so often while the silence lasts: so pages stand still for a moment, and not for an outage."""

FORGOTTEN_SECONDS: Final = 15.0
"""After so long somebody has ended: longer than the lease that others wait for."""


class _Told(msgspec.Struct, frozen=True, array_like=True, tag="told"):
    """A change. The state comes encoded in itself, since most who hear of it do not need it."""

    node: str
    seq: int
    kind: str
    key: str
    version: int
    topics: tuple[str, ...]
    state: bytes


class _Beat(msgspec.Struct, frozen=True, array_like=True, tag="beat"):
    """*seq* is the number of the last change."""

    node: str
    seq: int


class _Farewell(msgspec.Struct, frozen=True, array_like=True, tag="farewell"):
    """As a beat, and the last one."""

    node: str
    seq: int


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(_Told | _Beat | _Farewell).decode


class _Speaker:
    """Another node, as far as it has been heard."""

    __slots__ = ("at", "has_ended", "seq")

    def __init__(self, at: float) -> None:
        # What a node said before anybody here heard of it was missed, too.
        self.seq = 0
        self.at = at
        self.has_ended = False
        """Whether it has said goodbye. What its last turns commit may still come."""


def _as_it_is(state: State) -> State:
    return state


class LinkedBus(LocalBus):
    """One node's bus: local listeners hear at once, as of a `LocalBus`, and other nodes by *link*.

    *state_types* are the states by the kinds of their actors. *shown* gives what of a state other
    nodes are told; it leaves out what is nobody else's business. *node* names this one.
    """

    def __init__(
        self,
        topics_of: Topics,
        link: Link,
        node: str,
        *,
        clock: Clock,
        state_types: Mapping[str, type[State]],
        shown: Callable[[State], State] = _as_it_is,
    ) -> None:
        super().__init__(topics_of)
        self._link = link
        self._node = node
        self._clock = clock
        self._shown = shown
        self._decoders = {
            kind: msgspec.json.Decoder(state_type) for kind, state_type in state_types.items()
        }
        self._seq = 0
        self._speakers: dict[str, _Speaker] = {}
        self._when_lost: list[Callable[[], None]] = []
        self._lost_at = float("-inf")
        self._end_listening: Callable[[], None] | None = None
        self._tasks = Tasks(lambda _name, _error: None)  # It has been logged.

    # From start to end.

    async def open(self) -> None:
        """Hear the others from now on, and have them know that this node is here."""
        self._end_listening = await self._link.listen(CHANGES, self._heard)
        self._link.when_back(self.lost)
        self._tasks.start(self._keep_beating(), "beats of the bus")

    async def close(self) -> None:
        """Say goodbye, and hear no more; call it while the link is open.

        What is published from then on is still told: the last turns may not have ended.
        """
        await self._tasks.stop()
        self._cast(_Farewell(self._node, self._seq))
        if self._end_listening is not None:
            self._end_listening()

    async def _keep_beating(self) -> None:
        while True:
            self.beat()
            await self._clock.sleep(BEAT_SECONDS)

    def beat(self) -> None:
        """Say how far this node is, and look whether the others do."""
        self._cast(_Beat(self._node, self._seq))
        now = self._clock.monotonic()
        if self._link.is_up:
            self._forget(now - FORGOTTEN_SECONDS)
        is_silent = any(
            now - each.at >= SILENT_SECONDS and not each.has_ended
            for each in self._speakers.values()
        )
        if is_silent and now - self._lost_at >= SILENT_SECONDS:
            self.lost()

    def _forget(self, before: float) -> None:
        for node in [node for node, each in self._speakers.items() if each.at < before]:
            del self._speakers[node]

    # Speaking.

    def publish(self, change: Change) -> None:
        topics = tuple(self._topics_of(change))
        self._offer(change)
        self._tell(change, topics)
        self._seq += 1  # Also where it cannot be sent: then it is missed, and known to be.
        try:
            self._cast(self._told(change, topics))
        except Exception:
            # The commit stands, and the turn goes on.
            log.exception("change.not_told", actor=named(Ref(change.kind, change.key)))

    def _told(self, change: Change, topics: tuple[str, ...]) -> _Told:
        shown = self._shown(change.state)
        encoded = change.encoded if shown is change.state else None
        return _Told(
            self._node,
            self._seq,
            change.kind,
            change.key,
            change.version,
            topics,
            encode(shown) if encoded is None else encoded,
        )

    def _cast(self, word: _Told | _Beat | _Farewell) -> None:
        self._link.cast(CHANGES, _pack(word))

    # Hearing.

    def _heard(self, body: bytes) -> None:
        try:
            word = _unpack(body)
        except msgspec.DecodeError as error:  # Of a release that says more than this one knows.
            log.warning("word.unreadable", why=str(error))
            self.lost()
            return
        if word.node == self._node:
            return
        is_complete = self._is_complete(word)
        if isinstance(word, _Told):
            self._take(word)
        if not is_complete:
            self.lost()

    def _is_complete(self, word: _Told | _Beat | _Farewell) -> bool:
        """Whether nothing is missing before *word*, as far as anybody can say."""
        now = self._clock.monotonic()
        speaker = self._speakers.setdefault(word.node, _Speaker(now))
        before = word.seq - 1 if isinstance(word, _Told) else word.seq
        is_complete = speaker.seq == before and now - speaker.at < SILENT_SECONDS
        if not is_complete:
            log.info("changes.missed", node=word.node, after=speaker.seq, before=word.seq)
        speaker.seq, speaker.at = max(speaker.seq, word.seq), now
        speaker.has_ended |= isinstance(word, _Farewell)
        return is_complete

    def _take(self, told: _Told) -> None:
        decoder = self._decoders.get(told.kind)
        if decoder is None or not self._concerns(Ref(told.kind, told.key), told.topics):
            return
        try:
            state = decoder.decode(told.state)
        except msgspec.DecodeError as error:
            log.warning("change.unreadable", kind=told.kind, why=str(error))
            self.lost()
            return
        change = Change(told.kind, told.key, told.version, state)
        self._offer(change)
        self._tell(change, told.topics)

    def _concerns(self, ref: Ref, topics: Iterable[str]) -> bool:
        """Whether anybody here is told."""
        return ref in self._watchers or any(topic in self._listeners for topic in topics)

    # What was missed.

    def when_lost(self, callback: Callable[[], None]) -> None:
        self._when_lost.append(callback)

    def lost(self) -> None:
        self._lost_at = self._clock.monotonic()
        for callback in self._when_lost:
            try:
                callback()
            except Exception:
                log.exception("callback.failed")
