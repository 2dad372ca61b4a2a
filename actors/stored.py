"""What is stored of actors, for a look: rows, journals, inboxes and owners; nobody is woken.

A row or a fact that cannot be read is what an operator came to see, so it is shown as that, and is
no error: `Unreadable` in place of a state, a mark in place of a fact.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, get_type_hints

import msgspec
from msgspec.structs import replace

from actors import postgres_inspection as queries
from actors.message import Fact, State
from actors.redaction import UNREADABLE, redact, redacted
from actors.ref import Ref
from actors.store import InboxRow, ParkedRow

__all__ = ["JournalLine", "NodeSeen", "Owned", "StoredActors", "Unreadable"]

# A millisecond or two of folding, and then others run.
_PAGE_FACTS: Final = 500

# An actor lives through a dozen facts, a busy one through thousands: more would take seconds.
_HISTORY_MAX: Final = 100_000

# States that were folded last, a kilobyte each. Somebody who watches an actor that works asks for
# the version before four times a second, and that is one step from the one asked for last.
_FOLDS_KEPT: Final = 100

# Counting so many takes a millisecond. A page that is open asks each second, so more are counted
# less often: what is looked at must not be slowed down by it.
_MANY: Final = 10_000
_COUNT_SECONDS: Final = 10.0

_LAST: Final = 2**31 - 1
"""A `seq` after every fact of a version."""

_VERSION_MAX: Final = 2**63 - 1


class JournalLine(NamedTuple):
    """A fact, and the turn that recorded it."""

    version: int
    seq: int
    """Its place among the facts of that version, from 0."""
    at: datetime
    by: str | None
    cause: str
    """The message, by its wire name."""
    fact: str
    data: Mapping[str, Any] | str
    """Its fields, redacted; `UNREADABLE` if this release does not know such a fact."""


class Owned(NamedTuple):
    """What one node owns of one service."""

    service: str
    node: str | None
    """None: nobody does."""
    slots: int
    first_slot: int
    epoch_from: int
    epoch_to: int
    lease_until: datetime | None


class NodeSeen(NamedTuple):
    """A process that is up, or was."""

    id: str
    state: str
    services: Sequence[str]
    started_at: datetime
    lease_until: datetime


class Unreadable(State, frozen=True, kw_only=True):
    """Stands for a state that this release cannot read or cannot come by."""

    id: Annotated[str, redact("personal")]
    """Marked, because that of some kinds is."""
    why: str


class _Kind(NamedTuple):
    """How actors of one kind are read."""

    state_type: type[State]
    row: queries.StateRow
    fact: Callable[[bytes], Fact]


class StoredActors:
    """Looks into the database.

    Every method raises `UnavailableError` if that cannot be reached in time.
    """

    def __init__(
        self,
        reads: queries.Reads,
        state_types: Mapping[str, type[State]],
        tables: Mapping[str, str],
    ) -> None:
        self._reads = reads
        self._kinds = {
            kind: _Kind(
                state_type,
                queries.StateRow(state_type, tables[kind]),
                msgspec.json.Decoder(get_type_hints(state_type.apply)["fact"]).decode,
            )
            for kind, state_type in state_types.items()
        }
        self._folds: OrderedDict[Ref, State] = OrderedDict()
        self._pending = 0
        self._counted_at = 0.0

    # Actors ----------------------------------------------------------------------------------

    async def row(self, ref: Ref) -> State | None:
        """What *ref* is; None if it has no row."""
        kind = self._kinds[ref.kind]
        row = await kind.row.fetch(self._reads, ref.key)
        if row is None:
            return None
        try:
            return kind.row.state(row)
        except ValueError as error:
            return Unreadable(id=ref.key, version=row["version"], why=f"Its row: {error}")

    async def journal(
        self, ref: Ref, *, after: tuple[int, int] | None, limit: int
    ) -> list[JournalLine]:
        """What made *ref* what it is, oldest first; *after* the (version, seq) seen last."""
        rows = await queries.facts(
            self._reads, ref, after=after or (0, _LAST), until=_VERSION_MAX, limit=limit
        )
        decode = self._kinds[ref.kind].fact
        return [JournalLine(**{**row, "data": _shown(decode, row["data"])}) for row in rows]

    async def state_at(self, ref: Ref, version: int) -> State | None:
        """What *ref* was after the turn that made *version*; None if it had not come to be."""
        known = self._folds.get(ref)
        if known is not None and known.version == version > 0:
            return known  # Somebody watches: the version before is asked for again and again.
        is_ahead = known is not None and known.version > version
        state = self._kinds[ref.kind].state_type(id=ref.key)
        if known is not None and not is_ahead:
            state = known
        state = await self._folded(ref, state, version)
        if not (is_ahead or isinstance(state, Unreadable)):
            self._keep(ref, state)
        return state if state.version else None

    async def _folded(self, ref: Ref, state: State, until: int) -> State:
        """*state* of *ref* and all that came after it, up to version *until*."""
        decode = self._kinds[ref.kind].fact
        place = (state.version, _LAST)
        for _ in range(_HISTORY_MAX // _PAGE_FACTS):
            rows = await queries.facts(
                self._reads, ref, after=place, until=until, limit=_PAGE_FACTS
            )
            for row in rows:
                try:
                    state = state.apply(decode(row["data"]))
                except Exception as error:  # noqa: BLE001 - whatever a broken fact makes of it
                    why = f"{row['fact']} in version {row['version']}: {type(error).__name__}"
                    return Unreadable(id=ref.key, version=until, why=why)
                place = (row["version"], row["seq"])
            if len(rows) < _PAGE_FACTS:
                return replace(state, version=place[0])
        why = f"More than {_HISTORY_MAX} facts lead there"
        return Unreadable(id=ref.key, version=until, why=why)

    def _keep(self, ref: Ref, state: State) -> None:
        self._folds[ref] = state
        self._folds.move_to_end(ref)
        if len(self._folds) > _FOLDS_KEPT:
            self._folds.popitem(last=False)

    # Messages --------------------------------------------------------------------------------

    async def timers(
        self, *, after: tuple[datetime, str] | None, limit: int, kind: str | None = None
    ) -> list[InboxRow]:
        """Messages that are due later or now, soonest first; *after* the (due_at, id) seen last."""
        place = after or queries.BEGINNING
        return await queries.timers(self._reads, after=place, limit=limit, kind=kind)

    async def of_actor(self, ref: Ref) -> list[InboxRow]:
        """The timers of *ref* and what waits for it, soonest first; a hundred at most."""
        return await queries.inbox_of(self._reads, ref)

    async def parked_one(self, row_id: str) -> ParkedRow | None:
        """The message that was set aside for good under this id."""
        return await queries.parked_one(self._reads, row_id)

    async def timers_pending_overdue(self) -> tuple[int, int]:
        """How many messages wait, parked ones aside, and how many of them are late.

        If they are many, the first number is up to ten seconds old.
        """
        now = asyncio.get_running_loop().time()
        if self._pending < _MANY or now - self._counted_at >= _COUNT_SECONDS:
            self._pending = await queries.count_pending(self._reads)
            self._counted_at = now
        return self._pending, await queries.count_overdue(self._reads)

    async def parked_overdue(self) -> tuple[int, int]:
        """How many messages were set aside for good, and how many others are late."""
        return await queries.count_parked(self._reads), await queries.count_overdue(self._reads)

    # Nodes -----------------------------------------------------------------------------------

    async def partitions(self) -> list[Owned]:
        """Who owns what, service by service."""
        return [Owned(**row) for row in await queries.owners(self._reads)]

    async def nodes(self) -> list[NodeSeen]:
        """The processes that are up, and those that were lately; the newest first."""
        return [NodeSeen(**row) for row in await queries.nodes(self._reads)]


def _shown(decode: Callable[[bytes], Fact], data: bytes) -> Mapping[str, Any] | str:
    try:
        return redacted(decode(data))
    except ValueError:
        return UNREADABLE
