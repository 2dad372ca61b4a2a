"""What the log's keeper remembers: where the chain ends. Pure: no clock, no I/O, no refusals."""

from datetime import datetime
from typing import TypeAlias

from msgspec.structs import replace

from actors import Fact, State

__all__ = ["AuditFact", "AuditState", "EntryAdded"]


class EntryAdded(Fact, frozen=True, kw_only=True, tag="audit.entry_added"):
    """An entry was appended; *hash* is its own."""

    at: datetime
    hash: str


AuditFact: TypeAlias = EntryAdded


class AuditState(State, frozen=True, kw_only=True):
    """How long the log is, and the hash it ends with; the row of `audits`."""

    count: int = 0
    head: str = ""

    def apply(self, fact: AuditFact) -> "AuditState":
        return replace(self, count=self.count + 1, head=fact.hash)
