"""What is noted of the turns of an actor while somebody looks at it, and nothing otherwise.

While nobody looks at any, it costs a turn three or four looks at one flag (benchmark n); while
somebody does, the turns of all the others cost little more. Of those that are looked at the last
turns are kept, with how long they waited, ran and were committed. An actor that nobody has looked
at for a while is forgotten.
"""

from collections import OrderedDict, deque
from datetime import datetime
from typing import Final

import msgspec

from actors.clock import Clock
from actors.mailbox import Envelope
from actors.message import wire_name
from actors.ref import Ref

__all__ = ["Observer", "TurnSeen"]

# Longer than a page that is open takes between two looks, also on a slow line.
OPEN_SECONDS: Final = 15.0

TURNS_KEPT: Final = 32
"""Of each actor: enough to see what it has been doing, and a few kilobytes."""

# Actors that are looked at; the one that was for longest is forgotten first.
WATCHED_MAX: Final = 1_000


class TurnSeen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A turn that somebody could have watched."""

    at: datetime
    cause: str
    """The message, by its wire name."""
    outcome: str
    """`done`, `refused`, `crashed` or `unavailable`."""
    wait_seconds: float | None
    """In the mailbox; None if it came before anybody looked."""
    run_seconds: float
    commit_seconds: float | None
    """None if there was nothing to commit."""


class _Running:
    """A turn that runs."""

    __slots__ = ("at", "began", "cause", "committing", "queued")

    def __init__(self, envelope: Envelope, at: datetime, began: float) -> None:
        self.at = at
        self.cause = wire_name(type(envelope.message))
        self.queued = envelope.queued_at
        self.began = began
        self.committing: float | None = None


class _Watched:
    """An actor that somebody looks at."""

    __slots__ = ("running", "turns", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self.running: _Running | None = None
        self.turns: deque[TurnSeen] = deque(maxlen=TURNS_KEPT)


class Observer:
    """The notes of one node."""

    def __init__(self, clock: Clock) -> None:
        self.is_open = False
        """Whether anybody looks at any actor; the only thing that is asked while nobody does."""
        self._clock = clock
        self._watched: OrderedDict[Ref, _Watched] = OrderedDict()

    def watch(self, ref: Ref) -> None:
        """Somebody looks at *ref*, now and for a while."""
        self.is_open = True
        watched = self._watched.get(ref)
        if watched is None:
            watched = self._watched[ref] = _Watched()
            if len(self._watched) > WATCHED_MAX:
                self._watched.popitem(last=False)
        watched.until = self._clock.monotonic() + OPEN_SECONDS
        self._watched.move_to_end(ref)

    def close_if_left(self) -> None:
        """Forget those whom nobody has looked at for a while."""
        now = self._clock.monotonic()
        while self._watched and next(iter(self._watched.values())).until <= now:
            self._watched.popitem(last=False)
        self.is_open = bool(self._watched)

    def begin(self, ref: Ref, envelope: Envelope) -> None:
        """A turn of *ref* begins with the message in *envelope*."""
        watched = self._watched.get(ref)
        if watched is not None:
            watched.running = _Running(envelope, self._clock.now(), self._clock.monotonic())

    def committing(self, ref: Ref) -> None:
        """The handler has returned; what it did is being made durable."""
        watched = self._watched.get(ref)
        if watched is not None and watched.running is not None:
            watched.running.committing = self._clock.monotonic()

    def end(self, ref: Ref, outcome: str) -> None:
        """The turn of *ref* is over."""
        watched = self._watched.get(ref)
        if watched is None or watched.running is None:
            return  # It began before anybody looked.
        running, watched.running = watched.running, None
        now = self._clock.monotonic()
        ran_until = now if running.committing is None else running.committing
        seen = TurnSeen(
            at=running.at,
            cause=running.cause,
            outcome=outcome,
            wait_seconds=None if running.queued is None else running.began - running.queued,
            run_seconds=ran_until - running.began,
            commit_seconds=None if running.committing is None else now - running.committing,
        )
        watched.turns.append(seen)

    def turns(self, ref: Ref) -> tuple[TurnSeen, ...]:
        """The last turns of *ref*, oldest first."""
        watched = self._watched.get(ref)
        return () if watched is None else tuple(watched.turns)

    def running(self, ref: Ref) -> tuple[str, float] | None:
        """The message that *ref* is handling, and for how many seconds."""
        watched = self._watched.get(ref)
        if watched is None or watched.running is None:
            return None
        return watched.running.cause, self._clock.monotonic() - watched.running.began
