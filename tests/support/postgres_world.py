"""The store in PostgreSQL under the store contract, with connections behind its back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import msgspec

from actors import Ids, SystemClock
from actors.message import encode
from actors.postgres import PostgresStore
from actors.store import Commit, InboxRow
from tests.support.counter import Add, Mark
from tests.support.stores import BAD, STATES, Epochs, Line, joined, unknown
from tests.support.wait import until

__all__ = ["PostgresWorld", "connected", "postgres"]

Connection = asyncpg.connection.Connection

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


class PostgresWorld:
    """A database of its own, with a connection behind the store's back."""

    def __init__(self, dsn: str, connection: Connection, observer: Connection) -> None:
        self.dsn = dsn
        self.connection = connection
        self._observer = observer
        self._clock = SystemClock()
        self._ids = Ids(self._clock)
        self._nodes: list[PostgresStore] = []
        self.store = self._node(exclusive=False)
        self.epochs: Epochs = {}

    def _node(self, *, exclusive: bool) -> PostgresStore:
        store = PostgresStore(
            self.dsn,
            state_types=STATES,
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
        self.epochs = await joined(self.store)

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
        return store, await joined(store)

    async def one_more(self, services: Sequence[str]) -> PostgresStore:
        store = self._node(exclusive=False)
        await store.open()
        await store.join(services)
        return store

    async def until_waiting(self) -> None:
        """Until some reader waits for a lock."""
        await until(self.has_waiting_reader, "somebody waits for a lock")

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
        assert self.store._writer._connection is not None
        self.store._writer._connection.terminate()

    async def kill_writer(self) -> None:
        await self._observer.execute(f"select pg_terminate_backend(pid, 5000) {_WRITERS}")

    async def kill_readers(self) -> None:
        await self._observer.execute(f"select pg_terminate_backend(pid, 5000) {_READERS}")

    async def has_waiting_reader(self) -> bool:
        waiting = f"select exists (select {_READERS} and wait_event_type = 'Lock')"
        return bool(await self._observer.fetchval(waiting))

    async def waits(self, connection: Connection) -> bool:
        """Whether *connection* waits for a lock."""
        pid = connection.get_server_pid()
        return bool(await self._observer.fetchval("select pg_blocking_pids($1) <> '{}'", pid))

    async def has_no_writer(self) -> bool:
        return not await self._observer.fetchval(f"select exists (select {_WRITERS})")

    async def has_waiting_writer(self) -> bool:
        waiting = f"select exists (select {_WRITERS} and wait_event_type = 'Lock')"
        return bool(await self._observer.fetchval(waiting))

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


def _as_sent(body: str) -> bytes:
    """PostgreSQL writes JSON with spaces in it."""
    return encode(msgspec.json.decode(body, type=Add))


@asynccontextmanager
async def postgres(dsn: str) -> AsyncIterator[PostgresWorld]:
    async with connected(dsn) as connection, connected(dsn) as observer:
        world = PostgresWorld(dsn, connection, observer)
        try:
            await world.open()
            yield world
        finally:
            await world.close()


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()
