"""The journal against the rows: every actor is the fold of its facts, and nothing else.

Both are read in the order of their keys, a page of actors at a time, so that memory stays flat
however many there are. What is right is passed by quickly: a million actors are a few seconds.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple, get_type_hints

import asyncpg
import msgspec
from msgspec.structs import astuple, replace

from actors import Fact, Placement, Ref, State, wire_name
from ticketing.bootstrap import STATE_TYPES, TABLES
from ticketing.fsck.violation import Connection, Violation

__all__ = ["Page", "foreign_facts", "histories", "page"]

# Large enough that waiting for the server is rare, small enough to be a few megabytes.
PAGE_ACTORS: Final = 2000

_FACTS: Final = """
select key, version, seq, fact, data, partition, epoch
from journal where kind = $1 and key > $2 and ($3::text is null or key <= $3)
order by key, version, seq
"""

_FOREIGN: Final = """
select kind, count(*) as facts from journal where kind <> all($1::text[]) group by kind
"""

Problem = tuple[str, str]
"""A rule, and how it is broken."""


async def foreign_facts(connection: Connection) -> list[Violation]:
    """Facts of kinds that do not exist."""
    rows = await connection.fetch(_FOREIGN, list(STATE_TYPES))
    return [
        Violation("journal", f"kind {row['kind']}", f"{row['facts']} facts of an unknown kind")
        for row in rows
    ]


class Page(NamedTuple):
    """What came of a page of actors; *end* is the last key of it, None if no more follow."""

    actors: int
    end: str | None
    violations: tuple[Violation, ...]


async def histories(
    connection: Connection,
    kind: str,
    placement: Placement,
    *,
    after: str = "",
    until: str | None = None,
) -> AsyncIterator[Violation]:
    """What is wrong with the histories and rows of the actors of *kind*.

    Only those with keys *after* one and, if it is given, *until* another, that one included.
    """
    reader = _Reader(kind, placement)
    await reader.prepare(connection)
    end: str | None = after
    while end is not None:
        found = await reader.read(connection, end, until, PAGE_ACTORS)
        for violation in found.violations:
            yield violation
        end = found.end


async def page(
    connection: Connection, kind: str, placement: Placement, *, after: str, actors: int
) -> Page:
    """So many *actors* of *kind* with keys *after* one."""
    reader = _Reader(kind, placement)
    await reader.prepare(connection)
    return await reader.read(connection, after, None, actors)


class _Reader:
    """Compares actors of one kind: their rows, and their facts in order."""

    def __init__(self, kind: str, placement: Placement) -> None:
        self._kind = kind
        self._placement = placement
        self._type = STATE_TYPES[kind]
        self._decode = msgspec.json.Decoder(get_type_hints(self._type.apply)["fact"]).decode
        names = self._type.__struct_fields__
        self._names = names
        self._json: dict[int, Callable[[bytes], Any]] = {}
        """How to read the columns that are JSON, by their places."""
        columns = ", ".join(f'"{name}"' for name in names)
        self.select = f"""
            select {columns}, partition from {TABLES[kind]}
            where id > $1 and ($2::text is null or id <= $2) order by id limit $3
        """  # noqa: S608 - names

    async def prepare(self, connection: Connection) -> None:
        """Look which columns are JSON."""
        types = get_type_hints(self._type)
        statement = await connection.prepare(self.select)
        self._json = {
            place: msgspec.json.Decoder(types[column.name]).decode
            for place, column in enumerate(statement.get_attributes())
            if column.type.name == "jsonb"
        }

    async def read(
        self, connection: Connection, after: str, until: str | None, actors: int
    ) -> Page:
        """The next page of so many *actors*, and what is wrong with them."""
        rows = await connection.fetch(self.select, after, until, actors)
        end = rows[-1]["id"] if len(rows) == actors else None
        facts = await connection.fetch(_FACTS, self._kind, after, end or until)
        return Page(len(rows), end, tuple(self._wrong(rows, facts)))

    def _wrong(
        self, rows: Sequence[asyncpg.Record], facts: Sequence[asyncpg.Record]
    ) -> Iterator[Violation]:
        """What is wrong with the actors that have *rows* or *facts*."""
        histories = {key: list(each) for key, each in groupby(facts, itemgetter(0))}
        for row in rows:
            key = row["id"]
            problems = self._compare(key, histories.pop(key, []), row)
            if problems:
                yield from self._violations(key, problems)
        for key, history in histories.items():
            yield from self._violations(key, self._compare(key, history, None))

    def _violations(self, key: str, problems: list[Problem]) -> Iterator[Violation]:
        return (Violation(rule, f"{self._kind} {key}", why) for rule, why in problems)

    def _compare(
        self, key: str, history: list[asyncpg.Record], row: asyncpg.Record | None
    ) -> list[Problem]:
        problems = _order(history)
        partitions = {fact[5] for fact in history}
        if row is not None:
            partitions.add(row["partition"])
        right = self._placement.partition(Ref(self._kind, key))
        if partitions != {right}:
            wrong = sorted(partitions - {right})
            problems.append(("partition", f"belongs to partition {right}, but is in {wrong}"))
        state = self._fold(key, history, problems)
        if not history:
            problems.append(("fold", "has a row, but no facts"))
        elif row is None:
            problems.append(("fold", f"has facts up to version {history[-1][1]}, but no row"))
        else:
            problems += self._differences(state, history[-1][1], row)
        return problems

    def _fold(
        self, key: str, history: list[asyncpg.Record], problems: list[Problem]
    ) -> State | None:
        """What the facts make of it; None once one cannot be read, and *problems* says which."""
        state = self._type(id=key)
        for row in history:
            try:
                fact: Fact = self._decode(row[4])
                state = state.apply(fact)
            except Exception as error:  # noqa: BLE001 - whatever a broken fact makes `apply` raise
                problems.append(
                    ("journal", f"{row[3]} in version {row[1]} cannot be read: {error}")
                )
                return None
            if (named := wire_name(type(fact))) != row[3]:
                why = f"version {row[1]} is called {row[3]}, but holds {named}"
                problems.append(("journal", why))
        return replace(state, version=history[-1][1]) if history else state

    def _differences(
        self, folded: State | None, version: int, row: asyncpg.Record
    ) -> list[Problem]:
        if row["version"] != version:
            return [("versions", f"the row has version {row['version']}, the last fact {version}")]
        try:
            stored = list(row)
            del stored[-1]  # The partition.
            for place, decode in self._json.items():
                stored[place] = decode(stored[place])
            if folded is None or stored == [*astuple(folded)]:
                return []
            # Not only other values: perhaps such as cannot be at all.
            found = msgspec.convert(dict(zip(self._names, stored, strict=True)), self._type)
        except (TypeError, ValueError) as error:
            return [("fold", f"the row cannot be read: {error}")]
        return [
            ("fold", f"{name} is {is_now!r}, the facts make it {expected!r}")
            for name in self._names
            if (is_now := getattr(found, name)) != (expected := getattr(folded, name))
        ]


def _order(history: list[asyncpg.Record]) -> list[Problem]:
    """What is wrong with the versions and epochs of the facts of one actor."""
    problems: list[Problem] = []
    last, last_seq, last_epoch = 0, 0, 0
    for _, version, seq, _, _, _, epoch in history:
        if (version, seq) != ((last, last_seq + 1) if seq else (last + 1, 0)) or not version:
            want = f"{last}.{last_seq + 1} or {last + 1}.0"
            problems.append(("versions", f"fact {version}.{seq} follows, expected {want}"))
        if epoch < last_epoch:
            why = f"version {version} is of epoch {epoch}, after one of {last_epoch}"
            problems.append(("epoch", why))
        last, last_seq, last_epoch = version, seq, epoch
    return problems
