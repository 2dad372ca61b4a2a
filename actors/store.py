"""What a store promises, and the records it is spoken to in.

A store keeps actor rows, the journal, the inbox and answers, and proves at every commit that the
caller still owns the partitions it writes to. `MemoryStore` (in `memory`) and `PostgresStore` (in
`postgres`) pass one contract suite; everything here is encoded already, so a value that cannot be
encoded fails the turn that made it and nobody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal, NamedTuple, Protocol

import msgspec

from actors.message import State
from actors.ref import Ref

__all__ = [
    "Answer",
    "Beat",
    "Commit",
    "InboxRow",
    "Member",
    "Members",
    "Outcome",
    "Owner",
    "ParkedRow",
    "Recorded",
    "Row",
    "Store",
]


class InboxRow(msgspec.Struct, frozen=True, kw_only=True, order=True, gc=False):
    """A durable message: due in the past (a tell) or in the future (a timer).

    *name* None is a message of its own; a named one is replaced by its namesake, and *id* tells
    the two apart. Rows are in order of (due_at, id), their first fields.
    """

    due_at: datetime
    id: str
    partition: int
    kind: str
    key: str
    message: str
    body: bytes
    """The message, encoded as JSON."""
    name: str | None = None
    by: str | None = None
    attempts: int = 0
    found: bool = False
    """Read from the table, where somebody may have begun with it before; not stored."""

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.key)


class ParkedRow(NamedTuple):
    """A message that was set aside for good, and why."""

    row: InboxRow
    error: str
    parked_at: datetime


class Recorded(NamedTuple):
    """A fact, encoded, with its wire name."""

    name: str
    data: bytes


class Row(NamedTuple):
    """A row appended to an insert-only table, encoded."""

    table: str
    data: bytes


class Answer(NamedTuple):
    """What was replied under an ask id, and the digest of what had been asked."""

    id: str
    digest: str
    reply: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Everything one turn did: durable together, or not at all.

    *expected* is the version the turn was computed from: 0 for an actor without a row, None for a
    worker, which has no state. The version after the turn is one more if it recorded facts.
    """

    ref: Ref
    partition: int
    epoch: int
    cause: str
    at: datetime
    expected: int | None
    by: str | None = None
    state: bytes | None = None
    facts: tuple[Recorded, ...] = ()
    consumed: InboxRow | None = None
    sends: tuple[InboxRow, ...] = ()
    cancels: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    answer: Answer | None = None

    @property
    def version(self) -> int:
        """The version of the actor's row once this is committed."""
        return (self.expected or 0) + (1 if self.facts else 0)

    @property
    def renews(self) -> bool:
        """Whether the message it consumed is set again under the same name in the same turn."""
        row = self.consumed
        return (
            row is not None
            and row.name is not None
            and any(send.name == row.name and send.ref == row.ref for send in self.sends)
        )


class Outcome(Enum):
    """What became of a commit."""

    COMMITTED = "committed"
    STALE = "stale"
    """The row has another version, or the message it consumed is gone: the memory was wrong."""
    FENCED = "fenced"
    """The partition belongs to somebody else now; nothing may be retried here."""


class Owner(NamedTuple):
    """Who owns a partition, and in which of its epochs: each change of owner begins another."""

    node: str
    epoch: int


class Member(NamedTuple):
    """A node that is not dead; *draining*: it gives away what it owns, and takes nothing."""

    id: str
    services: tuple[str, ...]
    state: Literal["up", "draining"]


class Members(NamedTuple):
    """The cluster at one moment: who is there, in the order of ids, and who owns what.

    An owner that is not there is dead, and what it owned is free to be taken.
    """

    nodes: tuple[Member, ...]
    owners: Mapping[int, Owner]


class Beat(NamedTuple):
    """The answer to a heartbeat."""

    now: datetime
    """The time, as the store has it."""
    incarnation: str
    """Another after the store was restarted, or another one has taken its place."""


class Store(Protocol):
    """Durable state behind the runtime.

    Every method raises `StoreUnavailableError` while the store cannot be reached.
    """

    @property
    def node(self) -> str:
        """What this node is called."""
        ...

    async def join(self, services: Sequence[str]) -> None:
        """Become a node that runs *services*, and owns nothing yet."""
        ...

    async def heartbeat(self) -> Beat | None:
        """Renew the lease; None if this node has been declared dead, which is final."""
        ...

    async def members(self) -> Members:
        """Who is there, and who owns what."""
        ...

    async def bury(self) -> Sequence[str]:
        """Declare dead whose lease has ended, and cut them off; who was, just now."""
        ...

    async def declare_dead(self, node: str) -> None:
        """Do so with *node*, of which something outside the store has proven it."""
        ...

    async def take(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Own those of *partitions* that nobody alive owns; their new epochs.

        Waits for commits to them that are under way.
        """
        ...

    async def hand_over(self, moves: Mapping[int, str]) -> Mapping[int, int]:
        """Give those that are still ours to another node, if that is up; their new epochs."""
        ...

    async def drain(self) -> None:
        """Say that this node is about to leave: others stop giving it anything."""
        ...

    async def leave(self) -> None:
        """End the lease: what is still owned is free."""
        ...

    async def load(self, refs: Sequence[Ref]) -> Mapping[Ref, State]:
        """The states of those of *refs* that have a row."""
        ...

    async def commit(self, batch: Sequence[Commit]) -> list[Outcome]:
        """Make all that win durable, at once. At most one commit an actor.

        Raises:
            CommitRefusedError: the data of at least one is refused; nothing was written.
            StoreUnavailableError: the outcome is unknown if `executed` is "maybe"; see `settle`.

        """
        ...

    async def settle(self, batch: Sequence[Commit]) -> list[bool]:
        """Which commits of a batch of unknown outcome did land.

        Waits for a commit that may still be running before it looks.
        """
        ...

    async def answer(self, ask_id: str) -> Answer | None:
        """What was answered to this ask id before."""
        ...

    async def due(
        self, before: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[InboxRow]:
        """Messages of this node's partitions due before *before*, in order of (due_at, id)."""
        ...

    async def send(self, rows: Sequence[InboxRow]) -> None:
        """Put messages into the inbox, outside any turn."""
        ...

    async def postpone(
        self, row: InboxRow, due_at: datetime, error: str, *, parked: bool
    ) -> InboxRow | None:
        """Set a message that failed aside until *due_at*, or for good; None if it is gone."""
        ...

    async def parked(self, limit: int, after: tuple[datetime, str] | None) -> list[ParkedRow]:
        """Messages set aside for good, of all partitions, in order of (parked_at, id)."""
        ...

    async def replay(self, row_id: str) -> InboxRow | None:
        """Have a parked message be due now, as if never tried before; None if there is none."""
        ...

    async def discard(self, row_id: str) -> bool:
        """Drop a parked message; False if there is none."""
        ...

    async def close(self) -> None: ...
