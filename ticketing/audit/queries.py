"""The reads of the log; they wake no actor."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ticketing.audit.entry import Entry
from ticketing.reads import Reads

__all__ = ["LOG", "entry", "page"]

# The details are read as text, so that it does not matter what a connection makes of jsonb.
LOG: Final = """
    select seq, at, by, action, subject, reason, before::text, after::text, previous, hash
    from audit_log order by seq
"""
"""The whole log, in its order: what `verify_chain` is given, by way of `entry`."""

_PAGE: Final = """
    select seq, at, by, action, subject, reason, before::text, after::text, previous, hash
    from audit_log where $1::bigint is null or seq < $1 order by seq desc limit $2
"""


async def page(reads: Reads, limit: int, before: int | None) -> list[Entry]:
    """The newest entries of the log, or those next *before* that one; newest first."""
    return [entry(dict(row)) for row in await reads.rows(_PAGE, before, limit)]


def entry(row: Mapping[str, Any]) -> Entry:
    """The entry that is *row* of `LOG`."""
    fields = dict(row)
    for name in ("before", "after"):
        fields[name] = msgspec.json.decode(fields[name])
    return msgspec.convert(fields, Entry)
