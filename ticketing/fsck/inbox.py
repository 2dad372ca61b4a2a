"""The inbox: every message that waits there has somebody to go to, and can be read."""

from collections.abc import AsyncIterator
from typing import Final

import asyncpg

from actors import Placement, Ref, decode_message
from ticketing.fsck.violation import Connection, Violation

__all__ = ["messages"]

PAGE_ROWS: Final = 2000

_ROWS: Final = "select id::text, partition, kind, key, message, body from inbox order by id"


async def messages(connection: Connection, placement: Placement) -> AsyncIterator[Violation]:
    """What is wrong with the messages that wait, parked ones included."""
    async for row in connection.cursor(_ROWS, prefetch=PAGE_ROWS):
        why = _problem(row, placement)
        if why:
            detail = f"{row['message']} to {row['kind']} {row['key']}: {why}"
            yield Violation("inbox", f"message {row['id']}", detail)


def _problem(row: asyncpg.Record, placement: Placement) -> str | None:
    try:
        right = placement.partition(Ref(row["kind"], row["key"]))
    except KeyError:
        return "there is no such kind"
    if row["partition"] != right:
        return f"it is in partition {row['partition']}, expected {right}"
    try:
        decode_message(row["message"], row["body"])
    except (LookupError, ValueError) as error:
        return f"it cannot be read: {error}"
    return None
