"""The audit actor: one, and alone it appends to the log."""

from actors import Actor, Turn, handle
from ticketing.audit.entry import chained
from ticketing.audit.messages import AUDIT, Note
from ticketing.audit.state import AuditState, EntryAdded

__all__ = ["Audit"]


class Audit(Actor[AuditState]):
    """The keeper of the log."""

    kind, service, table, asks = AUDIT, "auth", "audits", ()
    parks = False  # What was done was done: its note is retried until it is written.

    @handle(creates=True)
    async def note(self, message: Note, turn: Turn[AuditState]) -> int:
        entry = chained(message, turn.state)
        turn.record(EntryAdded(at=turn.now, hash=entry.hash))
        turn.append(entry)
        return entry.seq
