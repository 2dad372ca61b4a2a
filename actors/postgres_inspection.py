"""What is stored of actors, in SQL for those who look: an index and a limit for each list.

A page begins after a place that is compared as one row value, never with "or": an "or" is a filter
for a plan that is made once for all places, and then the thousandth page reads the 999 before it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from actors.message import State
from actors.postgres_parked import INBOX, inbox_row, is_id
from actors.ref import Ref
from actors.store import InboxRow, ParkedRow

__all__ = [
    "BEGINNING",
    "Reads",
    "StateRow",
    "count_overdue",
    "count_parked",
    "count_pending",
    "facts",
    "inbox_of",
    "nodes",
    "owners",
    "parked_one",
    "timers",
]

BEGINNING: Final = (datetime(1, 1, 1, tzinfo=UTC), "00000000-0000-0000-0000-000000000000")
"""The place before every message."""

# What is shown of one actor's inbox. Timers have names, so more than a few is a sender gone wild.
_OF_ACTOR_MAX: Final = 100


class Reads(Protocol):
    """Rows on a connection of ours, where jsonb is bytes (`postgres_session`).

    Raises `UnavailableError` if the database cannot be reached in time.
    """

    async def rows(self, sql: str, *arguments: object) -> Sequence[Any]: ...

    async def row(self, sql: str, *arguments: object) -> Any | None: ...


class StateRow:
    """How the row of an actor of one kind is read."""

    def __init__(self, state_type: type[State], table: str) -> None:
        names = ", ".join(f'"{name}"' for name in state_type.__struct_fields__)
        self._sql = f"select {names} from {table} where id = $1"  # noqa: S608 - names
        self._state_type = state_type

    async def fetch(self, reads: Reads, key: str) -> Any | None:
        """The row of *key* as it is; None if there is none."""
        return await reads.row(self._sql, key)

    def state(self, row: Any) -> State:
        """The state that is *row*.

        Raises:
            ValueError: it is none that this release knows.

        """
        values = {
            name: msgspec.json.decode(value) if isinstance(value, bytes) else value
            for name, value in row.items()
        }
        return msgspec.convert(values, self._state_type)


async def facts(
    reads: Reads, ref: Ref, *, after: tuple[int, int], until: int, limit: int
) -> Sequence[Any]:
    """The journal of *ref* after the place (version, seq), up to version *until*, in its order."""
    return await reads.rows(_FACTS, ref.kind, ref.key, *after, until, limit)


async def timers(
    reads: Reads, *, after: tuple[datetime, str], limit: int, kind: str | None
) -> list[InboxRow]:
    """Messages that are due later or now, in order of (due_at, id), the place of the last seen."""
    return [inbox_row(row) for row in await reads.rows(_TIMERS, *after, kind, limit)]


async def inbox_of(reads: Reads, ref: Ref) -> list[InboxRow]:
    """The first of those for *ref*."""
    return [inbox_row(row) for row in await reads.rows(_OF_ACTOR, *ref, _OF_ACTOR_MAX)]


async def parked_one(reads: Reads, row_id: str) -> ParkedRow | None:
    """The parked message *row_id*, which an operator may have typed."""
    row = await reads.row(_PARKED_ONE, row_id) if is_id(row_id) else None
    if row is None:
        return None
    fields = dict(row)
    parked_at, error = fields.pop("parked_at"), fields.pop("error")
    return ParkedRow(inbox_row(fields), error, parked_at)


async def owners(reads: Reads) -> Sequence[Any]:
    """Who owns how many slots of each service, and until when."""
    return await reads.rows(_OWNERS)


async def nodes(reads: Reads) -> Sequence[Any]:
    """The processes that are up, and those that were lately; the newest first."""
    return await reads.rows(_NODES)


async def count_pending(reads: Reads) -> int:
    """How many messages wait. All are counted: 30 ms for 200,000."""
    row = await reads.row(_COUNT_PENDING)
    return 0 if row is None else int(row["pending"])


async def count_overdue(reads: Reads) -> int:
    """How many of them have been due for a while, by the database's clock."""
    row = await reads.row(_COUNT_OVERDUE)
    return 0 if row is None else int(row["overdue"])


async def count_parked(reads: Reads) -> int:
    """How many were set aside for good. An index has them, and they should be few."""
    row = await reads.row(_COUNT_PARKED)
    return 0 if row is None else int(row["parked"])


_FACTS: Final = """
select version, seq, at, by, cause, fact, data from journal
where kind = $1 and key = $2 and (version, seq) > ($3, $4) and version <= $5
order by version, seq limit $6
"""

_TIMERS: Final = f"""
select {INBOX} from inbox
where parked_at is null and (due_at, id) > ($1, $2::uuid) and ($3::text is null or kind = $3)
order by due_at, id limit $4
"""  # noqa: S608 - a constant

# By the index on the key. In the order of the other index it would have to read the whole inbox,
# and the planner thinks that worth while for an actor with many messages.
_OF_ACTOR: Final = f"""
with mine as materialized (
    select * from inbox where key = $2 and kind = $1 and parked_at is null
)
select {INBOX} from mine order by due_at, mine.id limit $3
"""  # noqa: S608 - a constant

_PARKED_ONE: Final = f"""
select {INBOX}, parked_at, coalesce(error, '') as error from inbox
where id = $1 and parked_at is not null
"""  # noqa: S608 - a constant

# All of it, on purpose: 256 slots of each of a few services.
_OWNERS: Final = """
select p.service, p.owner::text as node, count(*) as slots, min(p.slot) as first_slot,
    min(p.epoch) as epoch_from, max(p.epoch) as epoch_to, n.lease_until
from partition p left join node n on n.id = p.owner
group by p.service, p.owner, n.lease_until
order by min(p.id)
"""

_NODES: Final = """
select id::text, state, services, started_at, lease_until from node
order by started_at desc limit 100
"""

_COUNT_PENDING: Final = "select count(*) as pending from inbox where parked_at is null"

_COUNT_PARKED: Final = "select count(*) as parked from inbox where parked_at is not null"

# A message takes milliseconds from when it is due; one that has taken a second is late.
_COUNT_OVERDUE: Final = """
select count(*) as overdue from inbox
where parked_at is null and due_at <= now() - interval '1 s'
"""
