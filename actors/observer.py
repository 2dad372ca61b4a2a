"""What is noted of turns while somebody looks, and nothing while nobody does.

Closed, it costs a turn three or four looks at one flag (benchmark n). Open, the last turns of each
actor are kept with how long they waited, ran and were committed. It closes by itself when nobody
has looked for a while.
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

# Actors whose turns are kept at a time; the longest untouched is forgotten first.
ACTORS_KEPT: Final = 2_000


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


class Observer:
    """The notes of one node."""

    def __init__(self, clock: Clock) -> None:
        self.is_open = False
        """Whether anybody looks; the only thing that is asked while nobody does."""
        self._clock = clock
        self._open_until = 0.0
        self._running: dict[Ref, _Running] = {}
        self._turns: OrderedDict[Ref, deque[TurnSeen]] = OrderedDict()

    def open(self) -> None:
        """Somebody looks, now and for a while."""
        self.is_open = True
        self._open_until = self._clock.monotonic() + OPEN_SECONDS

    def close_if_left(self) -> None:
        """Close if nobody has looked for a while."""
        if self.is_open and self._clock.monotonic() >= self._open_until:
            self.is_open = False
            self._running.clear()
            self._turns.clear()

    def begin(self, ref: Ref, envelope: Envelope) -> None:
        """A turn of *ref* begins with the message in *envelope*."""
        self._running[ref] = _Running(envelope, self._clock.now(), self._clock.monotonic())

    def committing(self, ref: Ref) -> None:
        """The handler has returned; what it did is being made durable."""
        running = self._running.get(ref)
        if running is not None:
            running.committing = self._clock.monotonic()

    def end(self, ref: Ref, outcome: str) -> None:
        """The turn of *ref* is over."""
        running = self._running.pop(ref, None)
        if running is None:
            return  # It began before anybody looked.
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
        turns = self._turns.get(ref)
        if turns is None:
            turns = self._turns[ref] = deque(maxlen=TURNS_KEPT)
            if len(self._turns) > ACTORS_KEPT:
                self._turns.popitem(last=False)
        else:
            self._turns.move_to_end(ref)
        turns.append(seen)

    def turns(self, ref: Ref) -> tuple[TurnSeen, ...]:
        """The last turns of *ref*, oldest first."""
        return tuple(self._turns.get(ref, ()))

    def running(self, ref: Ref) -> tuple[str, float] | None:
        """The message that *ref* is handling, and for how many seconds."""
        running = self._running.get(ref)
        if running is None:
            return None
        return running.cause, self._clock.monotonic() - running.began
