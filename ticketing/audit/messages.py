"""What may be said to the audit log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias

from actors import Message, Ref
from ticketing.values import UserId

__all__ = ["AUDIT", "Details", "Note", "log"]

AUDIT: Final = "audit"

# Plain values alone: what is hashed must read the same when it comes back out of the database.
Details: TypeAlias = Mapping[str, str | int | bool | None]


def log() -> Ref:
    """The one log: a chain has one end."""
    return Ref(AUDIT, "log")


class Note(Message[int], frozen=True, kw_only=True, tag="audit.note"):
    """*by*, an administrator, did *action* to *subject* (`order:ID`), for this *reason*.

    *before* and *after* are what it changed, in a few words; never a secret, for logs are read.
    The reply is the entry's number.
    """

    at: datetime
    by: UserId
    action: str
    subject: str
    reason: str
    before: Details
    after: Details
