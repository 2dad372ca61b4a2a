"""Messages that failed, in SQL: tried again later, or parked until an operator decides.

A parked row stays where it is, with its name, its error and the number of tries; only `parked_at`
keeps it out of sight. So it is listed, replayed and discarded by any node, owner or not.
"""

from datetime import datetime
from sys import intern
from typing import Any, Final
from uuid import UUID

from actors.store import InboxRow, ParkedRow

__all__ = ["INBOX", "discard", "inbox_row", "is_id", "parked", "postpone", "replay"]

INBOX: Final = "id::text, partition, kind, key, name, message, body, by, due_at, attempts"


def inbox_row(values: Any) -> InboxRow:
    """A row of `INBOX`, as it was read."""
    fields = dict(values)
    # A hundred thousand timers are of a few kinds, and say one of a few things.
    for name in ("kind", "name", "message"):
        if fields[name] is not None:
            fields[name] = intern(fields[name])
    return InboxRow(**fields, found=True)


async def postpone(
    connection: Any, node: str, row: InboxRow, due_at: datetime, error: str, *, parked: bool
) -> InboxRow | None:
    """Set *row* aside until *due_at*, or for good; None if it is gone or not *node*'s."""
    later = await connection.fetchrow(_POSTPONE, row.id, due_at, error, parked, node)
    return None if later is None else inbox_row(later)


async def parked(
    connection: Any, limit: int, after: tuple[datetime, str] | None
) -> list[ParkedRow]:
    """Parked messages, those parked first first."""
    since, row_id = after or (None, None)
    rows = [dict(row) for row in await connection.fetch(_PARKED, since, row_id, limit)]
    return [
        ParkedRow(parked_at=row.pop("parked_at"), error=row.pop("error"), row=inbox_row(row))
        for row in rows
    ]


async def replay(connection: Any, row_id: str) -> InboxRow | None:
    """Have a parked message be due now, as if it had never been tried; None if there is none."""
    row = await connection.fetchrow(_REPLAY, row_id) if is_id(row_id) else None
    return None if row is None else inbox_row(row)


async def discard(connection: Any, row_id: str) -> bool:
    """Delete a parked message; False if there is none."""
    return bool(is_id(row_id) and await connection.fetchval(_DISCARD, row_id))


def is_id(row_id: str) -> bool:
    """Whether it can be one at all: an operator types it."""
    try:
        UUID(row_id)
    except ValueError:
        return False
    return True


_POSTPONE = f"""
update inbox b set attempts = attempts + 1, due_at = $2, error = $3,
    parked_at = case when $4 then clock_timestamp() end
where id = $1
    and exists (select from partition p where p.id = b.partition and p.owner = $5)
returning {INBOX}
"""  # noqa: S608 - a constant

_PARKED = f"""
select {INBOX}, parked_at, coalesce(error, '') as error from inbox
where parked_at is not null
    and ($1::timestamptz is null or (parked_at, id) > ($1, $2::uuid))
order by parked_at, id limit $3
"""  # noqa: S608 - a constant

_REPLAY = f"""
update inbox set attempts = 0, due_at = clock_timestamp(), parked_at = null, error = null
where id = $1 and parked_at is not null
returning {INBOX}
"""  # noqa: S608 - a constant

_DISCARD = "delete from inbox where id = $1 and parked_at is not null returning true"
