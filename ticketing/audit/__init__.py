"""Audit: what people with power did, and why. Part of the auth service.

Whoever lets an administrator change something tells the one audit actor a `Note` in the same turn,
so that there is no change without its note and no note without its change. The actor alone appends
to the log and chains each entry to the one before it, so that an edit by hand is found (`fsck`).

Layout, in reading order: `messages`, `state`, `entry` (the rows, and what chains them), `actor`,
`queries`.
"""

from ticketing.audit.entry import Break, Entry, verify_chain
from ticketing.audit.messages import AUDIT, Details, Note, log
from ticketing.audit.state import AuditFact, AuditState

__all__ = [
    "AUDIT",
    "AuditFact",
    "AuditState",
    "Break",
    "Details",
    "Entry",
    "Note",
    "log",
    "verify_chain",
]
