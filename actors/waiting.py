"""Rows that wait for their time: found by it, by id, and by the actor they are for.

A hundred thousand of them are a normal evening, and nearly every one is the only one of its actor.
So such a row stands in the tables itself, without a list around it, and in the heap without its
time beside it.
"""

import heapq
from collections.abc import Callable, Sequence
from datetime import datetime

from actors.ref import Ref
from actors.store import InboxRow

__all__ = ["Waiting"]


class Waiting:
    """Rows that are not due yet."""

    __slots__ = ("_in_order", "_of_key", "_rows")

    def __init__(self) -> None:
        self._rows: dict[str, InboxRow] = {}
        # Who is removed stays in the heap until its time has come: to look for it would cost more.
        self._in_order: list[InboxRow] = []
        # By the key of the actor alone, whatever its kind: there is no `Ref` to keep for it.
        self._of_key: dict[str, InboxRow | dict[str, InboxRow]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row_id: str) -> bool:
        return row_id in self._rows

    @property
    def next_at(self) -> datetime | None:
        """No row is due before this; None if there is none at all."""
        return self._in_order[0].due_at if self._in_order else None

    def add(self, row: InboxRow) -> bool:
        """Have *row* wait; whether it is the next one to be due."""
        self._rows[row.id] = row
        known = self._of_key.setdefault(row.key, row)
        if known is not row:
            if isinstance(known, InboxRow):
                known = self._of_key[row.key] = {known.id: known}
            known[row.id] = row
        heapq.heappush(self._in_order, row)
        return self._in_order[0] is row

    def remove(self, row: InboxRow) -> None:
        """*row* waits no longer."""
        del self._rows[row.id]
        known = self._of_key[row.key]
        if isinstance(known, dict):
            del known[row.id]
        if isinstance(known, InboxRow) or not known:
            del self._of_key[row.key]

    def drop(self, is_dropped: Callable[[InboxRow], bool]) -> None:
        """Remove the rows that *is_dropped* names."""
        for row in [row for row in self._rows.values() if is_dropped(row)]:
            self.remove(row)

    def take_due(self, now: datetime) -> InboxRow | None:
        """The next row that is due at *now*, which waits no longer; None if there is none."""
        while self._in_order and self._in_order[0].due_at <= now:
            row = heapq.heappop(self._in_order)
            if self._rows.get(row.id) is row:
                self.remove(row)
                return row
        return None

    def of(self, ref: Ref) -> Sequence[InboxRow]:
        """The rows for *ref*, in no order."""
        known = self._of_key.get(ref.key)
        if known is None:
            return ()
        rows = (known,) if isinstance(known, InboxRow) else known.values()
        return [row for row in rows if row.kind == ref.kind]
