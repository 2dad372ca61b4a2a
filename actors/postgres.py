"""The store in PostgreSQL 15 or newer.

One connection (`postgres_writer`) writes, batch after batch, with the statement of
`postgres_statement`; a small pool reads. Where the outcome of a batch is unknown, `settle` finds
out.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import asyncpg
import msgspec

from actors import postgres_membership as membership
from actors import postgres_parked as parking
from actors.clock import Ids
from actors.errors import StoreUnavailableError
from actors.lease import Timing
from actors.message import State
from actors.postgres_batch import arguments, shape_of
from actors.postgres_session import (
    CONNECTION_LOST,
    READ_SETTINGS,
    Session,
    borrowed,
    prepare_session,
)
from actors.postgres_statement import INBOX_COLUMNS, Shape, Table, commit_statement
from actors.postgres_writer import PostgresWriter
from actors.ref import Ref
from actors.store import Answer, Beat, Commit, InboxRow, Members, Outcome, ParkedRow
from actors.turn import AppendedRow

__all__ = ["PostgresStore"]

READ_SECONDS: Final = 5.0

READERS_MAX: Final = 5
ANSWERS_KEPT: Final = timedelta(hours=48)
PRUNE_EVERY_BEATS: Final = 400


class PostgresStore:
    """One node's way to the database.

    *state_types* and *tables* say what is kept of each kind, and where; *appended* the tables that
    turns append rows to. *exclusive* means that something outside the database has proven that no
    other node lives (the lock on the data folder): take over at once instead of waiting for leases.
    """

    def __init__(
        self,
        dsn: str,
        *,
        state_types: Mapping[str, type[State]],
        tables: Mapping[str, str],
        appended: Sequence[type[AppendedRow]] = (),
        ids: Ids,
        exclusive: bool = False,
        timing: Timing = Timing(),  # noqa: B008 - a tuple of numbers
        node: str = "",
    ) -> None:
        self.node = node or ids.new()
        self._lease = timedelta(seconds=timing.lease)
        self._dsn = dsn
        self._exclusive = exclusive
        self._state_types = state_types
        self._tables = {
            kind: Table(kind, tables[kind], state.__struct_fields__)
            for kind, state in state_types.items()
        }
        self._appended = {
            row.table: Table("", row.table, row.__struct_fields__) for row in appended
        }
        self._selects = {kind: _select(table) for kind, table in self._tables.items()}
        self._statements: dict[Shape, str] = {}
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._writer = PostgresWriter(dsn, f"ticketing:{self.node}:writer")
        self._beats = 0

    @property
    def pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        """For reads outside the runtime: pages and pings."""
        assert self._pool is not None, "the store has not been opened"
        return self._pool

    async def open(self) -> None:
        """Connect.

        Raises:
            StoreUnavailableError: the database cannot be reached.

        """
        try:
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=1,
                max_size=READERS_MAX,
                command_timeout=READ_SECONDS,
                init=prepare_session,
                connection_class=Session,
                server_settings={"application_name": f"ticketing:{self.node}", **READ_SETTINGS},
            )
        except CONNECTION_LOST as error:
            raise StoreUnavailableError(str(error), executed="no") from error

    async def close(self) -> None:
        self._writer.close()
        if self._pool is not None:
            self._pool.terminate()

    # Membership ------------------------------------------------------------------------------

    async def join(self, services: Sequence[str]) -> None:
        async with self._reader() as connection:
            await membership.register(connection, self.node, services, self._lease)

    async def heartbeat(self) -> Beat | None:
        async with self._reader() as connection:
            beat = await membership.beat(connection, self.node, self._lease)
            self._beats += 1
            if self._beats % PRUNE_EVERY_BEATS == 0:
                await connection.execute(_PRUNE, ANSWERS_KEPT)
            return beat

    async def members(self) -> Members:
        async with self._reader() as connection:
            return await membership.members(connection)

    async def bury(self) -> list[str]:
        async with self._reader() as connection:
            return await membership.bury(
                connection, self.node, self._lease, exclusive=self._exclusive
            )

    async def declare_dead(self, node: str) -> None:
        async with self._reader() as connection:
            await membership.declare_dead(connection, node)

    async def take(self, partitions: Sequence[int]) -> dict[int, int]:
        async with self._reader() as connection:
            return await membership.take(connection, self.node, partitions)

    async def hand_over(self, moves: Mapping[int, str]) -> dict[int, int]:
        async with self._reader(executed="maybe") as connection:
            return await membership.hand_over(connection, self.node, moves)

    async def drain(self) -> None:
        async with self._reader() as connection:
            await membership.drain(connection, self.node)

    async def leave(self) -> None:
        async with self._reader() as connection:
            await membership.leave(connection, self.node)

    # Reads -----------------------------------------------------------------------------------

    async def load(self, refs: Sequence[Ref]) -> dict[Ref, State]:
        kinds: dict[str, dict[str, Ref]] = {}
        for ref in refs:
            kinds.setdefault(ref.kind, {})[ref.key] = ref
        found: dict[Ref, State] = {}
        async with self._reader() as connection:
            for kind, wanted in kinds.items():
                for row in await connection.fetch(self._selects[kind], [*wanted]):
                    ref = wanted[row["id"]]
                    found[ref] = self._state(ref, row)
        return found

    def _state(self, ref: Ref, row: asyncpg.Record) -> State:
        values = {
            name: msgspec.json.decode(value) if isinstance(value, bytes) else value
            for name, value in row.items()
        }
        values["id"] = ref.key  # The same text, and not another copy of it.
        return msgspec.convert(values, self._state_types[ref.kind])

    async def answer(self, ask_id: str) -> Answer | None:
        async with self._reader() as connection:
            row = await connection.fetchrow(_ANSWERED, ask_id)
        return None if row is None else Answer(ask_id, row["digest"], row["reply"])

    async def due(
        self, before: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[InboxRow]:
        since, row_id = after or (None, None)
        async with self._reader() as connection:
            rows = await connection.fetch(_DUE, self.node, before, since, row_id, limit)
        return [parking.inbox_row(row) for row in rows]

    # Writes ----------------------------------------------------------------------------------

    async def commit(self, batch: Sequence[Commit]) -> list[Outcome]:
        shape = shape_of(batch, self._tables, self._appended)
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements[shape] = commit_statement(shape)
        row = await self._writer.execute(statement, arguments(self.node, shape, batch))
        outcomes = [Outcome.COMMITTED] * len(batch)
        for place in row["fenced"]:
            outcomes[place] = Outcome.FENCED
        for place in row["stale"]:
            outcomes[place] = Outcome.STALE
        return outcomes

    async def settle(self, batch: Sequence[Commit]) -> list[bool]:
        async with self._reader() as connection:
            # The orphaned backend may not even have read the statement yet; it must be gone first.
            await connection.execute(_END_BACKEND, self._writer.pid, self._writer.name)
            async with connection.transaction():
                partitions = sorted({commit.partition for commit in batch})
                await connection.execute(_LOCK_PARTITIONS, partitions)
                return [await self._landed(connection, commit) for commit in batch]

    async def _landed(
        self, connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", commit: Commit
    ) -> bool:
        if commit.facts:
            kind, key = commit.ref
            landed = await connection.fetchval(_RECORDED, kind, key, commit.version, self.node)
        elif commit.consumed is not None:
            landed = not await connection.fetchval(_IN_INBOX, [commit.consumed.id])
        elif commit.answer is not None:
            landed = await connection.fetchval(_IS_ANSWERED, commit.answer.id)
        else:
            landed = await connection.fetchval(_IN_INBOX, [row.id for row in commit.sends])
        return bool(landed)

    async def send(self, rows: Sequence[InboxRow]) -> None:
        async with self._reader(executed="maybe") as connection:
            await connection.executemany(_SEND, [_inbox_values(row) for row in rows])

    async def postpone(
        self, row: InboxRow, due_at: datetime, error: str, *, parked: bool
    ) -> InboxRow | None:
        async with self._reader() as connection:
            return await parking.postpone(connection, self.node, row, due_at, error, parked=parked)

    async def parked(self, limit: int, after: tuple[datetime, str] | None) -> list[ParkedRow]:
        async with self._reader() as connection:
            return await parking.parked(connection, limit, after)

    async def replay(self, row_id: str) -> InboxRow | None:
        async with self._reader(executed="maybe") as connection:
            return await parking.replay(connection, row_id)

    async def discard(self, row_id: str) -> bool:
        async with self._reader(executed="maybe") as connection:
            return await parking.discard(connection, row_id)

    # Connections -----------------------------------------------------------------------------

    @asynccontextmanager
    async def _reader(
        self, *, executed: Literal["no", "maybe"] = "no"
    ) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]:
        """A connection of the pool. *executed* is what is known if it gets lost."""
        try:
            async with borrowed(self.pool, READ_SECONDS) as connection:
                yield connection
        except CONNECTION_LOST as error:
            raise StoreUnavailableError(str(error), executed=executed) from error
        except asyncpg.PostgresError as error:
            raise StoreUnavailableError(f"{error.sqlstate}: {error}", executed="no") from error


def _select(table: Table) -> str:
    columns = ", ".join(f'"{column}"' for column in table.columns)
    return f"select {columns} from {table.name} where id = any($1::text[])"  # noqa: S608 - names


def _inbox_values(row: InboxRow) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in INBOX_COLUMNS.split(", "))


_PRUNE = "delete from answers where at < clock_timestamp() - $1::interval"

_DUE = f"""
select {parking.INBOX} from inbox b
where parked_at is null and due_at <= $2
    and ($3::timestamptz is null or (due_at, id) > ($3, $4::uuid))
    and exists (select from partition p where p.id = b.partition and p.owner = $1)
order by due_at, id limit $5
"""  # noqa: S608 - a constant

_SEND = f"""
insert into inbox ({INBOX_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (key, name, kind) do update set
    id = excluded.id, partition = excluded.partition, message = excluded.message,
    body = excluded.body, by = excluded.by, due_at = excluded.due_at, attempts = 0,
    parked_at = null, error = null, created_at = clock_timestamp()
"""  # noqa: S608 - a constant

_END_BACKEND = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where pid = $1 and application_name = $2
"""

_LOCK_PARTITIONS = "select from partition where id = any($1::int[]) order by id for update"

_ANSWERED = "select digest, reply from answers where id = $1"

_IS_ANSWERED = "select exists (select from answers where id = $1)"

_RECORDED = """
select exists (select from journal where kind = $1 and key = $2 and version = $3 and node = $4)
"""

_IN_INBOX = "select exists (select from inbox where id = any($1::uuid[]))"
