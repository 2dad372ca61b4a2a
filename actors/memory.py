"""The store in memory: the same promises as PostgreSQL's, and faults on request.

Several `MemoryStore`s on one `MemoryDatabase` are several nodes. Passing the same contract suite
as `PostgresStore` is what makes it fit to stand in for it in the simulator.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace

from actors.clock import Clock, Ids
from actors.errors import CommitRefusedError, StoreUnavailableError
from actors.message import State
from actors.ref import Ref
from actors.store import (
    Answer,
    Beat,
    Commit,
    InboxRow,
    Member,
    Members,
    Outcome,
    Owner,
    ParkedRow,
)

__all__ = ["Fault", "JournalEntry", "MemoryDatabase", "MemoryStore"]

LEASE = timedelta(seconds=6)


class Fault(Enum):
    """What shall happen to one commit, instead of success."""

    FAIL = "fail"
    """It does not happen, and the caller is told that nobody knows."""
    LOSE_ANSWER = "lose_answer"
    """It happens, and the caller is told that nobody knows."""
    SLOW = "slow"
    """It happens, a second later."""


class JournalEntry(NamedTuple):
    """One fact, as it was recorded."""

    ref: Ref
    version: int
    seq: int
    fact: str
    data: bytes
    at: datetime
    cause: str
    node: str


@dataclass(slots=True)
class MemoryDatabase:
    """What all nodes share."""

    state_types: Mapping[str, type[State]]
    states: dict[Ref, bytes] = field(default_factory=dict)
    inbox: dict[str, InboxRow] = field(default_factory=dict)
    parked: dict[str, ParkedRow] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    journal: list[JournalEntry] = field(default_factory=list)
    writers: dict[tuple[Ref, int], str] = field(default_factory=dict)
    """The node that wrote each version."""
    named: dict[tuple[Ref, str], str] = field(default_factory=dict)
    """The inbox row that had a name last; it may be gone."""
    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    owners: dict[int, Owner] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    """Those that are not dead."""
    leases: dict[str, datetime] = field(default_factory=dict)
    incarnation: str = "1"
    """Whoever restarts the database gives it another."""

    def state(self, ref: Ref) -> State | None:
        data = self.states.get(ref)
        return None if data is None else msgspec.json.decode(data, type=self.state_types[ref.kind])

    def write(self, commit: Commit, node: str) -> None:
        """All of *commit*, by *node*."""
        if commit.state is not None:
            self.states[commit.ref] = commit.state
        self.journal += [
            JournalEntry(commit.ref, commit.version, seq, name, data, commit.at, commit.cause, node)
            for seq, (name, data) in enumerate(commit.facts)
        ]
        if commit.facts:
            self.writers[commit.ref, commit.version] = node
        if commit.consumed is not None:
            del self.inbox[commit.consumed.id]
        for name in commit.cancels:
            self.drop_named(commit.ref, name)
        for row in commit.sends:
            self.put(row)
        self.rows += [(row.table, msgspec.json.decode(row.data)) for row in commit.rows]
        if commit.answer is not None:
            self.answers[commit.answer.id] = commit.answer

    def put(self, row: InboxRow) -> None:
        if row.name is not None:
            self.drop_named(row.ref, row.name)
            self.named[row.ref, row.name] = row.id
        self.inbox[row.id] = row

    def drop_named(self, ref: Ref, name: str) -> None:
        """Drop the row of that name, waiting or parked."""
        row_id = self.named.pop((ref, name), "")
        self.inbox.pop(row_id, None)
        self.parked.pop(row_id, None)


class MemoryStore:
    """One node's way to a `MemoryDatabase`."""

    def __init__(
        self,
        database: MemoryDatabase,
        clock: Clock,
        ids: Ids,
        *,
        exclusive: bool = False,
        lease: timedelta = LEASE,
    ) -> None:
        self.database = database
        self.node = ids.new()
        self.faults: deque[Fault | None] = deque()
        """What happens to the next commits, in turn; None is success."""
        self.refuses: set[Ref] = set()
        """Actors whose data is refused, as a constraint would."""
        self.is_reachable = True
        self.latency: Callable[[], float] = lambda: 0.0
        """The seconds that each way of each call takes; drawn anew each time."""
        self._clock = clock
        self._exclusive = exclusive
        self._lease = lease

    async def join(self, services: Sequence[str]) -> None:
        await self._travel()
        self.database.members[self.node] = Member(self.node, tuple(services), "up")
        self.database.leases[self.node] = self._clock.now() + self._lease
        await self._travel()

    async def members(self) -> Members:
        await self._travel()
        database = self.database
        nodes = sorted(database.members.values())
        seen = Members(tuple(nodes), dict(database.owners))
        await self._travel()
        return seen

    async def bury(self) -> list[str]:
        await self._travel()
        now, leases = self._clock.now(), self.database.leases
        others = [node for node in self.database.members if node != self.node]
        dead = [node for node in others if self._exclusive or leases[node] < now]
        for node in dead:
            del self.database.members[node]
        await self._travel()
        return dead

    async def declare_dead(self, node: str) -> None:
        await self._travel()
        self.database.members.pop(node, None)

    async def take(self, partitions: Sequence[int]) -> dict[int, int]:
        await self._travel()
        database = self.database
        taken = {}
        for partition in partitions if self.node in database.members else ():
            owner = database.owners.get(partition, Owner("", 0))
            if owner.node not in database.members:
                taken[partition] = owner.epoch + 1
                database.owners[partition] = Owner(self.node, owner.epoch + 1)
        await self._travel()
        return taken

    async def hand_over(self, moves: Mapping[int, str]) -> dict[int, int]:
        await self._travel()
        database = self.database
        given = {}
        for partition, node in moves.items() if self.node in database.members else ():
            owner, member = database.owners[partition], database.members.get(node)
            if owner.node == self.node and member is not None and member.state == "up":
                given[partition] = owner.epoch + 1
                database.owners[partition] = Owner(node, owner.epoch + 1)
        await self._travel()
        return given

    async def drain(self) -> None:
        await self._travel()
        member = self.database.members.get(self.node)
        if member is not None:
            self.database.members[self.node] = member._replace(state="draining")

    def _epochs(self) -> dict[int, int]:
        return {
            partition: epoch
            for partition, (owner, epoch) in self.database.owners.items()
            if owner == self.node
        }

    async def heartbeat(self) -> Beat | None:
        await self._travel()
        if self.node not in self.database.members:
            return None
        now = self._clock.now()
        self.database.leases[self.node] = now + self._lease
        beat = Beat(now, self.database.incarnation)
        await self._travel()
        return beat

    async def leave(self) -> None:
        await self.declare_dead(self.node)

    async def load(self, refs: Sequence[Ref]) -> dict[Ref, State]:
        await self._travel()
        found = [(ref, self.database.state(ref)) for ref in refs]
        await self._travel()
        return {ref: state for ref, state in found if state is not None}

    async def commit(self, batch: Sequence[Commit]) -> list[Outcome]:
        await self._travel()
        fault = self.faults.popleft() if self.faults else None
        if fault is Fault.FAIL:
            raise StoreUnavailableError
        if fault is Fault.SLOW:
            await self._clock.sleep(1.0)
        self._refuse(batch)
        outcomes = [self._write(commit) for commit in batch]
        if fault is Fault.LOSE_ANSWER:
            raise StoreUnavailableError
        await self._clock.sleep(self.latency())
        return outcomes

    def _refuse(self, batch: Sequence[Commit]) -> None:
        for commit in batch:
            if commit.ref in self.refuses:
                raise CommitRefusedError("refused on request")
            if commit.answer is not None and commit.answer.id in self.database.answers:
                raise CommitRefusedError(f"{commit.answer.id} has been answered")

    def _write(self, commit: Commit) -> Outcome:
        database = self.database
        if database.owners.get(commit.partition) != Owner(self.node, commit.epoch):
            return Outcome.FENCED
        if commit.consumed is not None and commit.consumed.id not in database.inbox:
            return Outcome.STALE
        state = database.state(commit.ref) if commit.expected is not None else None
        if commit.expected is not None and (state.version if state else 0) != commit.expected:
            return Outcome.STALE
        database.write(commit, self.node)
        return Outcome.COMMITTED

    async def settle(self, batch: Sequence[Commit]) -> list[bool]:
        await self._travel()
        return [self._landed(commit) for commit in batch]

    def _landed(self, commit: Commit) -> bool:
        database = self.database
        if commit.facts:
            return database.writers.get((commit.ref, commit.version)) == self.node
        if commit.consumed is not None:
            return commit.consumed.id not in database.inbox
        if commit.answer is not None:
            return commit.answer.id in database.answers
        return any(row.id in database.inbox for row in commit.sends)

    async def answer(self, ask_id: str) -> Answer | None:
        await self._travel()
        return self.database.answers.get(ask_id)

    async def due(
        self, before: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[InboxRow]:
        if after is not None:
            UUID(after[1])  # PostgreSQL takes nothing else for an id.
        await self._travel()
        owned = self._epochs()
        rows = sorted(
            (
                row
                for row in self.database.inbox.values()
                if row.due_at <= before
                and row.partition in owned
                and (after is None or (row.due_at, row.id) > after)
            ),
            key=lambda row: (row.due_at, row.id),
        )
        await self._travel()
        return [replace(row, found=True) for row in rows[:limit]]

    async def send(self, rows: Sequence[InboxRow]) -> None:
        await self._travel()
        for row in rows:
            self.database.put(row)

    async def postpone(
        self, row: InboxRow, due_at: datetime, error: str, *, parked: bool
    ) -> InboxRow | None:
        await self._travel()
        if row.id not in self.database.inbox or row.partition not in self._epochs():
            return None
        later = replace(row, due_at=due_at, attempts=row.attempts + 1)
        if parked:
            del self.database.inbox[row.id]
            self.database.parked[row.id] = ParkedRow(later, error, self._clock.now())
        else:
            self.database.inbox[row.id] = later
        return later

    async def parked(self, limit: int, after: tuple[datetime, str] | None) -> list[ParkedRow]:
        await self._travel()
        rows = [each for each in self.database.parked.values()
                if after is None or (each.parked_at, each.row.id) > after]  # fmt: skip
        return sorted(rows, key=lambda each: (each.parked_at, each.row.id))[:limit]

    async def replay(self, row_id: str) -> InboxRow | None:
        await self._travel()
        parked = self.database.parked.pop(row_id, None)
        if parked is None:
            return None
        row = replace(parked.row, attempts=0, due_at=self._clock.now(), found=True)
        self.database.inbox[row_id] = row
        return row

    async def discard(self, row_id: str) -> bool:
        await self._travel()
        return self.database.parked.pop(row_id, None) is not None

    async def close(self) -> None:
        pass

    async def _travel(self) -> None:
        """One way between this node and the database."""
        if not self.is_reachable:
            raise StoreUnavailableError(executed="no")
        await self._clock.sleep(self.latency())
