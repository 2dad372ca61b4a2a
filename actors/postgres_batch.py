"""A batch of turns, as the parameters of the commit statement."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from actors.message import encode
from actors.postgres_statement import Part, Shape, Table
from actors.store import Commit

__all__ = ["arguments", "shape_of"]


class _Fact(msgspec.Struct, frozen=True):
    i: int
    seq: int
    fact: str
    data: msgspec.Raw
    at: datetime
    by: str | None
    cause: str


class _Cancel(msgspec.Struct, frozen=True):
    i: int
    name: str


class _Send(msgspec.Struct, frozen=True):
    i: int
    id: str
    partition: int
    kind: str
    key: str
    name: str | None
    message: str
    body: msgspec.Raw
    by: str | None
    due_at: datetime
    attempts: int


class _Answer(msgspec.Struct, frozen=True):
    i: int
    id: str
    digest: str
    reply: msgspec.Raw
    at: datetime


class _Row(msgspec.Struct, frozen=True):
    i: int
    row: msgspec.Raw


def shape_of(
    batch: Sequence[Commit], tables: Mapping[str, Table], appended: Mapping[str, Table]
) -> Shape:
    """Which parts the statement for *batch* needs."""
    kinds = sorted({commit.ref.kind for commit in batch if commit.expected is not None})
    done = {(commit.ref.kind, bool(commit.facts), bool(commit.expected)) for commit in batch}
    names = sorted({row.table for commit in batch for row in commit.rows})
    return Shape(
        parts=tuple(
            Part(
                tables[kind],
                inserts=(kind, True, False) in done,
                updates=(kind, True, True) in done,
                checks=(kind, False, True) in done,
                absences=(kind, False, False) in done,
            )
            for kind in kinds
        ),
        appended=tuple(appended[name] for name in names),
        consumes=any(commit.consumed is not None for commit in batch),
        cancels=any(commit.cancels for commit in batch),
        sends=any(commit.sends for commit in batch),
        answers=any(commit.answer is not None for commit in batch),
    )


def arguments(node: str, shape: Shape, batch: Sequence[Commit]) -> list[Any]:
    """The parameters, in the order `commit_statement` names them."""
    values: list[Any] = [
        node,
        list(range(len(batch))),
        [commit.partition for commit in batch],
        [commit.epoch for commit in batch],
        [commit.ref.kind for commit in batch],
        [commit.ref.key for commit in batch],
        [-1 if commit.expected is None else commit.expected for commit in batch],
        [bool(commit.facts) for commit in batch],
        [commit.consumed.id if commit.consumed is not None else None for commit in batch],
        [commit.renews for commit in batch],
        encode(list(_facts(batch))),
    ]
    values += [_states(part.table.kind, batch) for part in shape.parts if part.writes]
    if shape.cancels:
        values.append(encode([_Cancel(i, name) for i, name in _each(batch, "cancels")]))
    if shape.sends:
        values.append(encode(list(_sends(batch))))
    if shape.answers:
        values.append(encode(list(_answers(batch))))
    for table in shape.appended:
        rows = [_Row(i, msgspec.Raw(row.data)) for i, row in _each(batch, "rows")
                if row.table == table.name]  # fmt: skip
        values.append(encode(rows))
    return values


def _each(batch: Iterable[Commit], field: str) -> Iterator[tuple[int, Any]]:
    for i, commit in enumerate(batch):
        for item in getattr(commit, field):
            yield i, item


def _states(kind: str, batch: Iterable[Commit]) -> bytes:
    states = [
        commit.state for commit in batch if commit.state is not None and commit.ref.kind == kind
    ]
    return b"[" + b",".join(states) + b"]"


def _facts(batch: Iterable[Commit]) -> Iterator[_Fact]:
    for i, commit in enumerate(batch):
        for seq, (name, data) in enumerate(commit.facts):
            yield _Fact(i, seq, name, msgspec.Raw(data), commit.at, commit.by, commit.cause)


def _sends(batch: Iterable[Commit]) -> Iterator[_Send]:
    for i, row in _each(batch, "sends"):
        yield _Send(
            i, row.id, row.partition, row.kind, row.key, row.name, row.message,
            msgspec.Raw(row.body), row.by, row.due_at, row.attempts,
        )  # fmt: skip


def _answers(batch: Iterable[Commit]) -> Iterator[_Answer]:
    for i, commit in enumerate(batch):
        if commit.answer is not None:
            answer = commit.answer
            yield _Answer(i, answer.id, answer.digest, msgspec.Raw(answer.reply), commit.at)
