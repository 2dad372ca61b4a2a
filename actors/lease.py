"""How long this node may answer from memory, by its own clock.

The database says who is alive; a node that cannot ask it must know by itself when it may have been
declared dead. So its lease counts from before a heartbeat was sent, ends a margin early, and is
looked at again before an answer from memory leaves. When it has run out the node is *suspended*:
its actors stay, and answer again after the next heartbeat that succeeds - nobody can have taken
anything meanwhile, because a heartbeat of a node that was declared dead does not succeed.
"""

from typing import NamedTuple

from actors.clock import Clock

__all__ = ["Lease", "Timing"]


class Timing(NamedTuple):
    """The rhythm of a cluster, in seconds; the same for all its nodes."""

    lease: float = 6.0
    """After so long without a heartbeat others may declare a node dead."""
    heartbeat: float = 1.5
    margin: float = 1.5
    """What a node stops answering ahead of that: more than clocks drift in a lease."""

    @classmethod
    def of(cls, lease: float) -> "Timing":
        """The rhythm for a lease of so many seconds: two lost heartbeats do not end it."""
        return cls(lease=lease, heartbeat=lease / 4, margin=lease / 4 if lease > 2 else lease / 5)  # noqa: PLR2004


class Lease:
    """Whether this node may still answer from memory."""

    __slots__ = ("_clock", "_seconds", "_until")

    def __init__(self, clock: Clock, timing: Timing) -> None:
        self._clock = clock
        self._seconds = timing.lease - timing.margin
        self._until = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether nobody can have declared this node dead."""
        return self._clock.monotonic() < self._until

    def renewed(self, sent_at: float) -> None:
        """A heartbeat succeeded that was sent at *sent_at*, on the monotonic clock."""
        self._until = max(self._until, sent_at + self._seconds)
