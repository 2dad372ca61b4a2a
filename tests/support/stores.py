"""The stores under one suite: each with what can be done to its database behind its back."""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import pytest

from actors import Clock, Ids, Placement, Ref, State, Store, StoreUnavailableError, SystemClock
from actors.memory import Fault, MemoryDatabase, MemoryStore
from actors.message import encode, wire_name
from actors.store import Answer, Commit, InboxRow, Outcome, Owner, Recorded, Row
from tests.support.counter import SERVICES, Add, Added, CounterState, Mark, Noted, counter

__all__ = [
    "BAD",
    "STATES",
    "Maker",
    "MemoryWorld",
    "World",
    "committed",
    "joined",
    "known_outcome",
    "memory",
]

BAD: Final = "bad"
"""A note that no store takes."""

STATES: Final[dict[str, type[State]]] = {"counter": CounterState}
_PLACEMENT: Final = Placement(SERVICES, {"counter": "tickets", "courier": "orders"})

Epochs = Mapping[int, int]


class Line(NamedTuple):
    """A line of the journal."""

    version: int
    seq: int
    fact: str
    data: Any


class World(Protocol):
    """A database of counters, and nodes on it."""

    store: Store
    epochs: Epochs
    """Those of `store`."""

    async def another_node(self) -> tuple[Store, Epochs]:
        """A node that takes everything over at once."""
        ...

    async def next_node(self) -> tuple[Store, Epochs]:
        """A node that takes over what nobody has."""
        ...

    async def one_more(self, services: Sequence[str]) -> Store:
        """A node that runs *services*, has joined and owns nothing."""
        ...

    async def give_away(self, partition: int) -> None:
        """Let somebody else own *partition*."""
        ...

    def refuse(self, key: str) -> None:
        """Refuse what the counter *key* commits with the note `BAD`."""
        ...

    async def commit_unheard(self, batch: Sequence[Commit]) -> None:
        """Commit *batch*, and lose the answer."""
        ...

    async def fail_to_commit(self, batch: Sequence[Commit]) -> None:
        """Try to commit *batch*: it does not happen, but who knows."""
        ...

    async def journal(self, key: str) -> list[Line]: ...

    async def inbox(self) -> dict[str, InboxRow]:
        """By id; without what is parked."""
        ...

    async def parked(self) -> dict[str, str]:
        """Errors by id."""
        ...

    async def marks(self) -> list[tuple[str, int]]: ...


class Maker:
    """Makes commits for one node."""

    def __init__(self, world: World) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, 0, tzinfo=SystemClock().now().tzinfo)
        self._world = world
        self._ids = Ids(SystemClock(), seed=7)

    def row(
        self, key: str, *, name: str | None = None, seconds: float = 0.0, kind: str = "counter"
    ) -> InboxRow:
        """A message to *key*, due *seconds* after `now`."""
        ref = Ref(kind, key)
        return InboxRow(
            id=self._ids.new(),
            partition=_PLACEMENT.partition(ref),
            kind=kind,
            key=key,
            name=name,
            message=wire_name(Add),
            body=encode(Add(amount=1)),
            due_at=self.now + timedelta(seconds=seconds),
            by="somebody",
        )

    def commit(
        self,
        key: str,
        *,
        expected: int | None = 0,
        amount: int | None = 1,
        note: str | None = None,
        consumed: InboxRow | None = None,
        sends: Sequence[InboxRow] = (),
        cancels: Sequence[str] = (),
        marks: Sequence[int] = (),
        ask_id: str | None = None,
        epochs: Epochs | None = None,
    ) -> Commit:
        """A turn of the counter *key*; with *amount* and *note* None it records nothing."""
        ref = counter(key) if consumed is None else consumed.ref
        facts: list[Added | Noted] = [] if amount is None else [Added(amount=amount)]
        facts += [] if note is None else [Noted(note=note)]
        state = CounterState(id=key, version=expected or 0)
        for fact in facts:
            state = state.apply(fact)
        state = msgspec.structs.replace(state, version=(expected or 0) + bool(facts))
        partition = _PLACEMENT.partition(ref)
        return Commit(
            ref=ref,
            partition=partition,
            epoch=(epochs or self._world.epochs)[partition],
            cause="counter.add",
            at=self.now,
            expected=expected,
            state=encode(state) if facts else None,
            facts=tuple(Recorded(wire_name(type(fact)), encode(fact)) for fact in facts),
            consumed=consumed,
            sends=tuple(sends),
            cancels=tuple(cancels),
            rows=tuple(Row(Mark.table, encode(Mark(key=key, total=total))) for total in marks),
            answer=None if ask_id is None else Answer(ask_id, "digest", encode(amount)),
        )


async def joined(store: Store) -> Epochs:
    """Have *store* join, and take all that nobody alive owns."""
    await store.join(SERVICES)
    await store.bury()
    return await store.take(_PLACEMENT.partitions(SERVICES))


async def committed(store: Store, *commits: Commit) -> None:
    """Write *commits*, all of which must win."""
    assert await store.commit(commits) == [Outcome.COMMITTED] * len(commits)


async def known_outcome(store: Store, commit: Commit) -> Outcome:
    """What the writer does: commit, and ask again if the connection was lost."""
    try:
        (outcome,) = await store.commit([commit])
    except StoreUnavailableError:
        assert await store.settle([commit]) == [False]
        (outcome,) = await store.commit([commit])
    return outcome


async def unknown(commit: Awaitable[list[Outcome]]) -> None:
    """Await *commit*, whose outcome nobody knows."""
    with pytest.raises(StoreUnavailableError) as caught:
        await commit
    assert caught.value.executed == "maybe"


class MemoryWorld:
    """Dictionaries."""

    def __init__(self, clock: Clock | None = None, kind: type[MemoryStore] = MemoryStore) -> None:
        self._clock = clock or SystemClock()
        self._kind = kind
        self._ids = Ids(self._clock, seed=1)
        self.database = MemoryDatabase(STATES)
        self.store = self._node()
        self.epochs: Epochs = {}

    def _node(self, *, exclusive: bool = False) -> MemoryStore:
        return self._kind(self.database, self._clock, self._ids, exclusive=exclusive)

    async def open(self) -> None:
        self.epochs = await joined(self.store)

    async def another_node(self) -> tuple[MemoryStore, Epochs]:
        store = self._node(exclusive=True)
        return store, await joined(store)

    async def next_node(self) -> tuple[MemoryStore, Epochs]:
        store = self._node()
        return store, await joined(store)

    async def one_more(self, services: Sequence[str]) -> MemoryStore:
        store = self._node()
        await store.join(services)
        return store

    async def give_away(self, partition: int) -> None:
        epoch = self.database.owners[partition].epoch
        self.database.owners[partition] = Owner(self._ids.new(), epoch + 1)

    def refuse(self, key: str) -> None:
        self.store.refuses.add(counter(key))

    async def commit_unheard(self, batch: Sequence[Commit]) -> None:
        self.store.faults.append(Fault.LOSE_ANSWER)
        await unknown(self.store.commit(batch))

    async def fail_to_commit(self, batch: Sequence[Commit]) -> None:
        self.store.faults.append(Fault.FAIL)
        await unknown(self.store.commit(batch))

    async def journal(self, key: str) -> list[Line]:
        return [
            Line(line.version, line.seq, line.fact, msgspec.json.decode(line.data))
            for line in self.database.journal
            if line.ref == counter(key)
        ]

    async def inbox(self) -> dict[str, InboxRow]:
        return dict(self.database.inbox)

    async def parked(self) -> dict[str, str]:
        return {row_id: parked.error for row_id, parked in self.database.parked.items()}

    async def marks(self) -> list[tuple[str, int]]:
        return sorted((row["key"], row["total"]) for _, row in self.database.rows)


@asynccontextmanager
async def memory() -> AsyncIterator[MemoryWorld]:
    world = MemoryWorld()
    await world.open()
    yield world
