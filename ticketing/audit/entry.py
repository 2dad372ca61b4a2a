"""The entries of the log: rows of `audit_log`, inserted and never changed, each holding the last.

An entry's hash covers all of it and the hash of the one before, so whoever edits, removes or slips
in an entry by hand has to make all later ones anew, and the keeper's row with them. That is found
out by a copy of any hash that was kept elsewhere; it cannot be prevented by a database alone.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import ClassVar, NamedTuple

import msgspec
from msgspec.structs import replace

from actors import AppendedRow
from ticketing.audit.messages import Details, Note
from ticketing.audit.state import AuditState
from ticketing.values import UserId

__all__ = ["Break", "Entry", "chained", "verify_chain"]

# Sorted keys and one way to write each value: the same contents are the same bytes.
_canonical = msgspec.json.Encoder(order="deterministic").encode


class Entry(AppendedRow, frozen=True, kw_only=True):
    """One entry. *seq* counts from 1 without a gap; the first one's *previous* is empty."""

    table: ClassVar[str] = "audit_log"

    seq: int
    at: datetime
    by: UserId
    action: str
    subject: str
    reason: str
    before: Details
    after: Details
    previous: str
    hash: str


class Break(NamedTuple):
    """Where the chain does not hold."""

    seq: int
    detail: str


def chained(note: Note, end: AuditState) -> Entry:
    """The entry for *note* after a log that ends as *end* says."""
    entry = Entry(
        seq=end.count + 1,
        at=note.at,
        by=note.by,
        action=note.action,
        subject=note.subject,
        reason=note.reason,
        before=note.before,
        after=note.after,
        previous=end.head,
        hash="",
    )
    return replace(entry, hash=_hash(entry))


def verify_chain(entries: Iterable[Entry], end: AuditState | None = None) -> Iterator[Break]:
    """Where *entries*, the whole log in the order of `seq`, are not what was written.

    With *end*, the keeper's row, entries that are missing at the end are found, too.
    """
    count, head = 0, ""
    for entry in entries:
        if entry.seq != count + 1:
            yield Break(entry.seq, f"comes after entry {count}")
        if entry.previous != head:
            yield Break(entry.seq, "does not hold the hash of the entry before")
        if _hash(entry) != entry.hash:
            yield Break(entry.seq, "its contents are not those that were hashed")
        count, head = entry.seq, entry.hash
    if end is not None and (count, head) != (end.count, end.head):
        yield Break(count, f"is the last; the keeper has {end.count} entries and their last hash")


def _hash(entry: Entry) -> str:
    contents = {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "hash"}
    contents["at"] = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    return sha256(_canonical(contents)).hexdigest()
