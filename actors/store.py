"""What a store promises, and the records it is spoken to in.

A store keeps actor rows, the journal, the inbox and answers, and proves at every commit that the
caller still owns the partitions it writes to. `MemoryStore` (in `memory`) and `PostgresStore` (in
`postgres`) pass one contract suite; everything here is encoded already, so a value that cannot be
encoded fails the turn that made it and nobody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple, Protocol

import msgspec

from actors.message import State
from actors.ref import Ref

__all__ = [
    "Answer",
    "Commit",
    "InboxRow",
    "Joined",
    "Outcome",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """This process as a node of the cluster: its id, the partitions it owns with their epochs."""

    node: str
    epochs: Mapping[int, int] = field(default_factory=dict)


class Store(Protocol):
    """Durable state behind the runtime.

    Every method raises `StoreUnavailableError` while the store cannot be reached.
    """

    async def join(self, services: Sequence[str]) -> Joined:
        """Become a node and take over the partitions of *services* from nodes that are dead."""
        ...

    async def heartbeat(self) -> datetime | None:
        """Renew the lease; the store's time now, or None if this node has been declared dead."""
        ...

    async def leave(self) -> None:
        """Give the partitions up and end the lease."""
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
