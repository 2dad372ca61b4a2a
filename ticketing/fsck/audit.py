"""The audit log: every entry holds the one before, and the last is the one its keeper knows."""

from typing import Final

import msgspec

from ticketing.audit import AuditState, log, queries, verify_chain
from ticketing.fsck.violation import Connection, Violation

__all__ = ["chain"]

_KEEPER: Final = "select id, version, count, head from audits where id = $1"


async def chain(connection: Connection) -> list[Violation]:
    """Where the chain does not hold.

    All entries at once: what administrators do by hand fits into memory.
    """
    key = log().key
    row = await connection.fetchrow(_KEEPER, key)
    end = AuditState(id=key) if row is None else msgspec.convert(dict(row), AuditState)
    rows = await connection.fetch(queries.LOG)
    entries = [queries.entry(dict(each)) for each in rows]
    return [
        Violation("audit", f"entry {each.seq}", each.detail) for each in verify_chain(entries, end)
    ]
