"""The journal against the rows: every actor is the fold of its facts, and nothing else.

Both are read through cursors in the order of their keys and compared as they pass by, one actor at
a time, so that memory stays flat however long the history is.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final, NamedTuple, get_type_hints

import asyncpg
import msgspec
from msgspec.structs import replace

from actors import Fact, Placement, Ref, State, wire_name
from ticketing.bootstrap import STATE_TYPES, TABLES
from ticketing.fsck.violation import Connection, Violation

__all__ = ["foreign_facts", "histories"]

# Large enough that waiting for the server is rare, small enough to be a few megabytes.
PAGE_ROWS: Final = 2000

_FACTS: Final = """
select key, version, seq, fact, data, partition, epoch
from journal where kind = $1
order by key, version, seq
"""

_FOREIGN: Final = """
select kind, count(*) as facts from journal where kind <> all($1::text[]) group by kind
"""


async def foreign_facts(connection: Connection) -> list[Violation]:
    """Facts of kinds that do not exist."""
    rows = await connection.fetch(_FOREIGN, list(STATE_TYPES))
    return [
        Violation("journal", f"kind {row['kind']}", f"{row['facts']} facts of an unknown kind")
        for row in rows
    ]


async def histories(
    connection: Connection, kind: str, placement: Placement
) -> AsyncIterator[Violation]:
    """What is wrong with the histories and rows of the actors of *kind*."""
    state_type = STATE_TYPES[kind]
    folds = _folds(connection, kind, state_type)
    rows = _rows(connection, TABLES[kind], state_type)
    fold, row = await anext(folds, None), await anext(rows, None)
    while fold is not None or row is not None:
        # Keys are in byte order in the database; that is also the order of Python's strings.
        key = min(each.key for each in (fold, row) if each is not None)
        mine = fold if fold is not None and fold.key == key else None
        stored = row if row is not None and row.key == key else None
        for violation in _compare(Ref(kind, key), mine, stored, placement):
            yield violation
        if mine is not None:
            fold = await anext(folds, None)
        if stored is not None:
            row = await anext(rows, None)


class _Stored(NamedTuple):
    """An actor's row; *state* is None if it cannot be read."""

    key: str
    partition: int
    version: int
    state: State | None
    why: str


class _Fold:
    """What the facts of one actor make of it."""

    def __init__(self, key: str, state_type: type[State], decode: Callable[[bytes], Any]) -> None:
        self.key = key
        self.state: State | None = state_type(id=key)
        """None once a fact cannot be read."""
        self.version = 0
        self.problems: list[tuple[str, str]] = []
        self.partitions: set[int] = set()
        self._decode = decode
        self._epoch = 0
        self._seq = 0

    def add(self, row: asyncpg.Record) -> None:
        version, seq, epoch = row["version"], row["seq"], row["epoch"]
        expected = (self.version, self._seq + 1) if seq else (self.version + 1, 0)
        if (version, seq) != expected or not version:
            want = f"{self.version}.{self._seq + 1} or {self.version + 1}.0"
            self.problems.append(("versions", f"fact {version}.{seq} follows, expected {want}"))
        if epoch < self._epoch:
            self.problems.append(
                ("epoch", f"version {version} is of epoch {epoch}, after one of {self._epoch}")
            )
        self.version, self._seq, self._epoch = version, seq, epoch
        self.partitions.add(row["partition"])
        if self.state is not None:
            self._apply(self.state, row)

    def _apply(self, state: State, row: asyncpg.Record) -> None:
        try:
            fact: Fact = self._decode(row["data"])
            self.state = state.apply(fact)
        except Exception as error:  # noqa: BLE001 - whatever a broken fact makes `apply` raise
            self.state = None
            why = f"{row['fact']} in version {row['version']} cannot be read: {error}"
            self.problems.append(("journal", why))
            return
        named = wire_name(type(fact))
        if named != row["fact"]:
            why = f"version {row['version']} is called {row['fact']}, but holds {named}"
            self.problems.append(("journal", why))


async def _folds(
    connection: Connection, kind: str, state_type: type[State]
) -> AsyncIterator[_Fold]:
    decode = msgspec.json.Decoder(get_type_hints(state_type.apply)["fact"]).decode
    fold: _Fold | None = None
    async for row in connection.cursor(_FACTS, kind, prefetch=PAGE_ROWS):
        if fold is None or fold.key != row["key"]:
            if fold is not None:
                yield fold
            fold = _Fold(row["key"], state_type, decode)
        fold.add(row)
    if fold is not None:
        yield fold


async def _rows(
    connection: Connection, table: str, state_type: type[State]
) -> AsyncIterator[_Stored]:
    names = state_type.__struct_fields__
    columns = ", ".join(f'"{name}"' for name in names)
    select = f"select {columns}, partition from {table} order by id"  # noqa: S608 - names
    async for row in connection.cursor(select, prefetch=PAGE_ROWS):
        state, why = None, ""
        values = {
            name: msgspec.json.decode(value) if isinstance(value, bytes) else value
            for name, value in zip(names, row, strict=False)
        }
        try:
            state = msgspec.convert(values, state_type)
        except ValueError as error:
            why = str(error)
        yield _Stored(row["id"], row["partition"], row["version"], state, why)


def _compare(
    ref: Ref, fold: _Fold | None, stored: _Stored | None, placement: Placement
) -> list[Violation]:
    found = list(fold.problems) if fold is not None else []
    partitions = set(fold.partitions) if fold is not None else set()
    if stored is not None:
        partitions.add(stored.partition)
    right = placement.partition(ref)
    if partitions != {right}:
        wrong = sorted(partitions - {right})
        found.append(("partition", f"belongs to partition {right}, but is in {wrong}"))
    if fold is None:
        found.append(("fold", "has a row, but no facts"))
    elif stored is None:
        found.append(("fold", f"has facts up to version {fold.version}, but no row"))
    else:
        found += _differences(fold, stored)
    subject = f"{ref.kind} {ref.key}"
    return [Violation(rule, subject, detail) for rule, detail in found]


def _differences(fold: _Fold, stored: _Stored) -> list[tuple[str, str]]:
    if stored.version != fold.version:
        why = f"the row has version {stored.version}, the last fact {fold.version}"
        return [("versions", why)]
    if stored.state is None:
        return [("fold", f"the row cannot be read: {stored.why}")]
    if fold.state is None:
        return []
    folded = replace(fold.state, version=fold.version)
    if folded == stored.state:
        return []
    return [
        ("fold", f"{name} is {is_now!r}, the facts make it {should!r}")
        for name in folded.__struct_fields__
        if (is_now := getattr(stored.state, name)) != (should := getattr(folded, name))
    ]
