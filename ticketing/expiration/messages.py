"""What is said between watches and the sweeper."""

from typing import Final

from actors import Message, Ref

__all__ = [
    "SWEEPER",
    "WATCH",
    "WATCHES",
    "Look",
    "Repaired",
    "Sweep",
    "sweeper",
    "watch",
]

WATCH: Final = "watch"
SWEEPER: Final = "sweeper"

# Each watch looks after the partitions that are equal modulo this, so that a look is short and
# the work is spread over the nodes.
WATCHES: Final = 16


def watch(number: int) -> Ref:
    return Ref(WATCH, str(number))


def sweeper(number: int) -> Ref:
    return Ref(SWEEPER, str(number))


class Look(Message[None], frozen=True, kw_only=True, tag="expiration.look"):
    """Look around now, and again in a while."""


class Repaired(Message[None], frozen=True, kw_only=True, tag="expiration.repaired"):
    """So many actors had to be told to do what they should have done by themselves."""

    count: int


class Sweep(Message[None], frozen=True, kw_only=True, tag="sweeper.sweep"):
    """Find what is overdue among the partitions of one watch, and tell it to act."""
