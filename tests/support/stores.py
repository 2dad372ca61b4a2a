"""The stores under one suite: each with what can be done to its database behind its back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import asyncpg
import msgspec
import pytest

from actors import Ids, Placement, Ref, State, Store, StoreUnavailableError, SystemClock
from actors.memory import Fault, MemoryDatabase, MemoryStore
from actors.message import encode, wire_name
from actors.postgres import PostgresStore
from actors.store import Answer, Commit, InboxRow, Outcome, Recorded, Row
from tests.support.counter import SERVICES, Add, Added, CounterState, Mark, Noted, counter
from tests.support.wait import until

__all__ = ["BAD", "MemoryWorld", "PostgresWorld", "World", "committed", "memory", "postgres"]

BAD: Final = "bad"
"""A note that no store takes."""

_STATES: Final[dict[str, type[State]]] = {"counter": CounterState}
_PLACEMENT: Final = Placement(SERVICES, {"counter": "tickets", "courier": "orders"})

_TABLES: Final = f"""
create table counters (
    id text collate "C" primary key,
    version bigint not null check (version > 0),
    partition integer not null,
    total bigint not null,
    note text not null check (note <> '{BAD}')
);
create table marks (key text not null, total bigint not null);
"""


_WRITERS: Final = """
from pg_stat_activity
where datname = current_database() and application_name like 'ticketing:%:writer'
"""


_READERS: Final = """
from pg_stat_activity
where datname = current_database() and application_name like 'ticketing:%'
    and application_name not like '%:writer'
"""

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
            body=msgspec.Raw(encode(Add(amount=1))),
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


async def committed(store: Store, *commits: Commit) -> None:
    """Write *commits*, all of which must win."""
    assert await store.commit(commits) == [Outcome.COMMITTED] * len(commits)


async def unknown(commit: Awaitable[list[Outcome]]) -> None:
    """Await *commit*, whose outcome nobody knows."""
    with pytest.raises(StoreUnavailableError) as caught:
        await commit
    assert caught.value.executed == "maybe"


class MemoryWorld:
    """Dictionaries."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._ids = Ids(self._clock, seed=1)
        self.database = MemoryDatabase(_STATES)
        self.store = self._node()
        self.epochs: Epochs = {}

    def _node(self) -> MemoryStore:
        return MemoryStore(self.database, self._clock, self._ids)

    async def open(self) -> None:
        self.epochs = (await self.store.join(SERVICES)).epochs

    async def another_node(self) -> tuple[MemoryStore, Epochs]:
        store = self._node()
        await store.join(SERVICES)
        return store, store.seize().epochs

    async def next_node(self) -> tuple[MemoryStore, Epochs]:
        store = self._node()
        return store, (await store.join(SERVICES)).epochs

    async def give_away(self, partition: int) -> None:
        _, epoch = self.database.owners[partition]
        self.database.owners[partition] = (self._ids.new(), epoch + 1)

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


class PostgresWorld:
    """A database of its own, with a connection behind the store's back."""

    def __init__(self, dsn: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.dsn = dsn
        self.connection = connection
        self._clock = SystemClock()
        self._ids = Ids(self._clock)
        self._nodes: list[PostgresStore] = []
        self.store = self._node(exclusive=False)
        self.epochs: Epochs = {}

    def _node(self, *, exclusive: bool) -> PostgresStore:
        store = PostgresStore(
            self.dsn,
            state_types=_STATES,
            tables={"counter": "counters"},
            appended=[Mark],
            ids=self._ids,
            exclusive=exclusive,
        )
        self._nodes.append(store)
        return store

    async def open(self) -> None:
        await self.connection.execute(_TABLES)
        await self.store.open()
        self.epochs = (await self.store.join(SERVICES)).epochs

    async def close(self) -> None:
        for store in self._nodes:
            await store.close()

    async def another_node(self) -> tuple[PostgresStore, Epochs]:
        return await self._joined(exclusive=True)

    async def next_node(self) -> tuple[PostgresStore, Epochs]:
        return await self._joined(exclusive=False)

    async def _joined(self, *, exclusive: bool) -> tuple[PostgresStore, Epochs]:
        store = self._node(exclusive=exclusive)
        await store.open()
        return store, (await store.join(SERVICES)).epochs

    async def give_away(self, partition: int) -> None:
        await self.connection.execute(
            "update partition set owner = gen_random_uuid(), epoch = epoch + 1 where id = $1",
            partition,
        )

    def refuse(self, key: str) -> None:
        """The table does."""

    async def commit_unheard(self, batch: Sequence[Commit]) -> None:
        async with self.stuck_commit(batch):
            self.hang_up()
        await until(self.has_no_writer, "the orphaned backend has ended")

    async def fail_to_commit(self, batch: Sequence[Commit]) -> None:
        async with self.stuck_commit(batch):
            await self.kill_writer()

    @asynccontextmanager
    async def stuck_commit(self, batch: Sequence[Commit]) -> AsyncIterator[None]:
        """Within the context *batch* is being committed and cannot end; its outcome gets lost."""
        async with self.locked(batch):
            running = asyncio.ensure_future(unknown(self.store.commit(batch)))  # noqa: TID251
            await until(self.has_waiting_writer, "the commit is stuck")
            yield
            await running

    @asynccontextmanager
    async def locked(self, batch: Sequence[Commit]) -> AsyncIterator[None]:
        """Within the context nobody can commit to the partitions of *batch*."""
        async with self.connection.transaction():
            await self.connection.execute(
                "select from partition where id = any($1::int[]) for update",
                [commit.partition for commit in batch],
            )
            yield

    def hang_up(self) -> None:
        """Close the socket that the store writes to, as a broken network would."""
        assert self.store._writer is not None
        self.store._writer.terminate()

    async def kill_writer(self) -> None:
        await self.connection.execute(f"select pg_terminate_backend(pid, 5000) {_WRITERS}")

    async def kill_readers(self) -> None:
        await self.connection.execute(f"select pg_terminate_backend(pid, 5000) {_READERS}")

    async def has_waiting_reader(self) -> bool:
        waiting = f"select exists (select {_READERS} and wait_event_type = 'Lock')"
        return bool(await self.connection.fetchval(waiting))

    @asynccontextmanager
    async def second_connection(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def waits(self, connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
        """Whether *connection* waits for a lock."""
        pid = connection.get_server_pid()
        return bool(await self.connection.fetchval("select pg_blocking_pids($1) <> '{}'", pid))

    async def has_no_writer(self) -> bool:
        return not await self.connection.fetchval(f"select exists (select {_WRITERS})")

    async def has_waiting_writer(self) -> bool:
        waiting = f"select exists (select {_WRITERS} and wait_event_type = 'Lock')"
        return bool(await self.connection.fetchval(waiting))

    async def journal(self, key: str) -> list[Line]:
        rows = await self.connection.fetch(
            "select version, seq, fact, data::text from journal"
            " where kind = 'counter' and key = $1 order by version, seq",
            key,
        )
        return [Line(v, seq, fact, msgspec.json.decode(data)) for v, seq, fact, data in rows]

    async def inbox(self) -> dict[str, InboxRow]:
        rows = await self.connection.fetch(
            "select id::text, partition, kind, key, name, message, body::text, by, due_at, attempts"
            " from inbox where parked_at is null"
        )
        return {row["id"]: InboxRow(**{**row, "body": _as_sent(row["body"])}) for row in rows}

    async def parked(self) -> dict[str, str]:
        rows = await self.connection.fetch(
            "select id::text, error from inbox where parked_at is not null"
        )
        return {row["id"]: row["error"] for row in rows}

    async def marks(self) -> list[tuple[str, int]]:
        rows = await self.connection.fetch("select key, total from marks order by key, total")
        return [(row["key"], row["total"]) for row in rows]


def _as_sent(body: str) -> msgspec.Raw:
    """PostgreSQL writes JSON with spaces in it."""
    return msgspec.Raw(encode(msgspec.json.decode(body, type=Add)))


@asynccontextmanager
async def memory() -> AsyncIterator[MemoryWorld]:
    world = MemoryWorld()
    await world.open()
    yield world


@asynccontextmanager
async def postgres(dsn: str) -> AsyncIterator[PostgresWorld]:
    connection = await asyncpg.connect(dsn)
    try:
        world = PostgresWorld(dsn, connection)
        try:
            await world.open()
            yield world
        finally:
            await world.close()
    finally:
        await connection.close()
