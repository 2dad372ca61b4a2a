"""What an operator sees of a node: plain data, as of one moment."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from actors.message import Message
from actors.observer import TurnSeen
from actors.supervisor import Crash, ServiceHealth

__all__ = [
    "Acted",
    "ActorLooked",
    "ActorSeen",
    "ActorStatus",
    "Listed",
    "MessageSeen",
    "NodeSeen",
    "Order",
    "Overview",
    "WaitingSeen",
    "WorkerSeen",
    "place",
]

ActorStatus = Literal["asleep", "idle", "running", "suspended", "held", "quarantined"]
Order = Literal["restarts", "mailbox", "idle", "version", "key"]
"""What a list is in the order of: the greatest first, keys from the smallest on."""


class ActorSeen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An actor, as a line of a list."""

    kind: str
    key: str
    service: str
    status: ActorStatus
    mailbox: int
    version: int
    restarts: int
    last_error: str | None
    idle_seconds: float
    """Since it last began or ended to work."""
    used_at: float
    """When that was, in seconds since 1970: unlike how long ago, it stays from page to page."""


class MessageSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A message that waits in a mailbox."""

    name: str
    """Its wire name."""
    message: Message[Any]
    by: str | None
    is_durable: bool
    due_at: datetime | None
    waits_seconds: float | None
    """None if it came before anybody looked."""


class WorkerSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The workers of one kind."""

    kind: str
    service: str
    running: int
    waiting: int
    concurrency: int


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The node as a whole. Counts rise from the start of the process."""

    services: Sequence[ServiceHealth]
    resident: Mapping[str, int]
    """Actors in memory, by kind."""
    running: Mapping[str, int]
    """Those that have work, by kind."""
    workers: Sequence[WorkerSeen]
    turns: int
    batches: int
    batch_turns: int
    """Turns made durable, by all commits together."""
    batch_seconds: float
    due: int
    """Durable messages handled."""
    late_seconds: float
    """By how much they came late, all together."""
    timers_waiting: int
    """In memory: those due within the next minute."""
    next_timer_at: datetime | None
    store_available: bool


class NodeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A node as a whole."""

    overview: Overview
    lag_seconds: float
    counts: Mapping[str, int]
    """What the layers above count."""


class WaitingSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A message in a mailbox, without what it says."""

    name: str
    by: str | None
    is_durable: bool
    due_at: datetime | None
    waits_seconds: float | None


class ActorLooked(msgspec.Struct, frozen=True, kw_only=True):
    """One actor, as its node sees it."""

    line: ActorSeen
    is_resident: bool
    state: bytes | None
    """What it is, encoded; None if that is not in memory."""
    mailbox: Sequence[WaitingSeen]
    turns: Sequence[TurnSeen]
    running: tuple[str, float] | None
    stack: Sequence[str]
    crash: Crash | None

    @property
    def is_known(self) -> bool:
        """Whether the node has anything to say of it."""
        return self.is_resident or self.crash is not None

    @property
    def substance(self) -> "ActorLooked":
        """The same, without what only says how long something has been so."""
        return replace(
            self,
            line=replace(self.line, idle_seconds=0.0, used_at=0.0),
            mailbox=[replace(each, waits_seconds=None) for each in self.mailbox],
            running=None if self.running is None else (self.running[0], 0.0),
        )


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """How an actor stood before and after something was done to it."""

    before: ActorSeen
    after: ActorSeen


class Listed(NamedTuple):
    """A line of a list, and the node that says so."""

    node: str
    line: ActorSeen


def place(line: ActorSeen, order: Order) -> tuple[float, str, str]:
    """Where *line* stands in a list in *order*."""
    return _FIRSTS[order](line), line.kind, line.key


_FIRSTS: Final[Mapping[Order, Callable[[ActorSeen], float]]] = {
    "restarts": lambda line: -line.restarts,
    "mailbox": lambda line: -line.mailbox,
    "idle": lambda line: line.used_at,
    "version": lambda line: -line.version,
    "key": lambda _: 0,
}
