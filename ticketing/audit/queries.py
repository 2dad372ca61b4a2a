"""The reads of the log; they wake no actor."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ticketing.audit.entry import Entry

__all__ = ["LOG", "entry"]

# The details are read as text, so that it does not matter what a connection makes of jsonb.
LOG: Final = """
    select seq, at, by, action, subject, reason, before::text, after::text, previous, hash
    from audit_log order by seq
"""
"""The whole log, in its order: what `verify_chain` is given, by way of `entry`."""


def entry(row: Mapping[str, Any]) -> Entry:
    """The entry that is *row* of `LOG`."""
    fields = dict(row)
    for name in ("before", "after"):
        fields[name] = msgspec.json.decode(fields[name])
    return msgspec.convert(fields, Entry)
