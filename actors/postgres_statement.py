"""The one statement that makes a batch of turns durable, as readable SQL.

It runs in autocommit, so it is a transaction of its own: it does not depend on this process living
on, and a paused process cannot hold the fence open. Its parts, in the order they depend on each
other:

- `turn`   what is to be committed, one row a turn
- `fence`  the partitions that are still this node's, locked FOR SHARE: a take-over waits for us,
           and we see it if it came first
- `stand`  the inbox rows that caused turns and are still there, locked
- `ready`  the turns whose partition is ours and whose cause still stands
- for each kind of actor: rows inserted where the version becomes 1, updated where the stored
  version is the expected one, or merely checked: to have that version, or not to exist
- `won`    the turns whose row was written or checked; everything else joins these

The planner guesses one row for most of these, so the session forbids nested loops (see
`postgres_session`): rows are found by `= any(keys)` through the index and then joined by hash.

Every data-modifying part depends on `won` or `ready`, because PostgreSQL runs each of them to the
end whether or not anything reads it. The answer is one small row, because the server sends it
before it commits.
"""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Shape", "Table", "commit_statement"]


class Table(NamedTuple):
    """The table of one kind of actor; or, with no kind, one that rows are appended to."""

    kind: str
    name: str
    columns: tuple[str, ...]


class Part(NamedTuple):
    """What a batch does to the rows of one kind."""

    table: Table
    inserts: bool
    updates: bool
    checks: bool
    absences: bool

    @property
    def writes(self) -> bool:
        return self.inserts or self.updates


class Shape(NamedTuple):
    """What a batch contains; one statement text, prepared once, for each shape that occurs."""

    parts: tuple[Part, ...]
    appended: tuple[Table, ...]
    consumes: bool
    cancels: bool
    sends: bool
    answers: bool


_HEAD = """
with turn as materialized (
    select * from unnest($2::int[], $3::int[], $4::bigint[], $5::text[], $6::text[],
                         $7::bigint[], $8::bool[], $9::uuid[], $10::bool[])
        as t (i, partition, epoch, kind, key, expected, changed, inbox, renews)
),
fence as materialized (
    select p.id, p.epoch from partition p
    where p.id = any($3::int[]) and p.owner = $1
    order by p.id for share
),
"""

_STAND = """
stand as materialized (
    select b.id from inbox b
    where b.id = any($9::uuid[]) and exists (select from fence)
    order by b.id for update
),
"""

_READY = """
ready as materialized (
    select t.* from turn t
    join fence f on f.id = t.partition and f.epoch = t.epoch
    {standing}
),
"""

_INSERT = """
{name}_new as (
    insert into {name} ({columns})
    select {selected}
    from jsonb_populate_recordset(null::{name}, ${states}) r
    join ready t on t.kind = '{kind}' and t.key = r.id
    where t.expected = 0 and t.changed
    order by r.id
    on conflict (id) do nothing
    returning id
),
"""

_UPDATE = """
{name}_now as (
    update {name} a set {assigned}
    from jsonb_populate_recordset(null::{name}, ${states}) r
    join ready t on t.kind = '{kind}' and t.key = r.id
    where a.id = r.id and a.id = any($6::text[])
        and t.expected > 0 and t.changed and a.version = t.expected
    returning a.id
),
"""

_CHECK = """
{name}_same as (
    select a.id from {name} a
    join ready t on t.kind = '{kind}' and t.key = a.id
    where a.id = any($6::text[]) and not t.changed and a.version = t.expected
),
"""

_ABSENT = """
{name}_none as (
    select t.key as id from ready t
    where t.kind = '{kind}' and t.expected = 0 and not t.changed
        and not exists (select from {name} a where a.id = t.key)
),
"""

_WON = """
landed as (
    {landed}
),
won as materialized (
    select t.* from ready t join landed l on l.kind = t.kind and l.key = t.key
    union all
    select t.* from ready t where t.expected < 0
),
"""

_JOURNAL = """
journal_new as (
    insert into journal (kind, key, version, seq, fact, data, at, by, cause, partition, epoch, node)
    select t.kind, t.key, t.expected + 1, j.seq, j.fact, j.data, j.at, j.by, j.cause,
           t.partition, t.epoch, $1
    from jsonb_to_recordset($11) as j
        (i int, seq int, fact text, data jsonb, at timestamptz, by text, cause text)
    join won t on t.i = j.i
),
"""

_CONSUME = """
inbox_gone as (
    delete from inbox b using won t
    where b.id = t.inbox and not t.renews and b.id = any($9::uuid[])
),
"""

_CANCEL = """
inbox_cancelled as (
    delete from inbox b
    using jsonb_to_recordset(${at}) as c (i int, name text) join won t on t.i = c.i
    where b.key = t.key and b.kind = t.kind and b.name = c.name and b.key = any($6::text[])
),
"""

INBOX_COLUMNS = "id, partition, kind, key, name, message, body, by, due_at, attempts"

_SEND = """
inbox_new as (
    insert into inbox ({columns})
    select {selected}
    from jsonb_to_recordset(${at}) as s
        (i int, id uuid, partition int, kind text, key text, name text, message text, body jsonb,
         by text, due_at timestamptz, attempts int)
    join won t on t.i = s.i
    order by s.key, s.name, s.id
    on conflict (key, name, kind) do update set
        id = excluded.id, partition = excluded.partition, message = excluded.message,
        body = excluded.body, by = excluded.by, due_at = excluded.due_at, attempts = 0,
        parked_at = null, error = null, created_at = clock_timestamp()
),
"""

_APPEND = """
{name}_appended as (
    insert into {name} ({columns})
    select {selected} from jsonb_to_recordset(${at}) as x (i int, "row" jsonb)
    join won t on t.i = x.i
    cross join lateral jsonb_populate_record(null::{name}, x."row") r
),
"""

_ANSWER = """
answers_new as (
    insert into answers (id, kind, key, digest, reply, at)
    select a.id, t.kind, t.key, a.digest, coalesce(a.reply, 'null'), a.at
    from jsonb_to_recordset(${at}) as a
        (i int, id text, digest text, reply jsonb, at timestamptz)
    join won t on t.i = a.i
),
"""

_TAIL = """
verdict as (
    select t.i, w.i is null as lost, f.id is null as fenced
    from turn t
    left join won w on w.i = t.i
    left join fence f on f.id = t.partition and f.epoch = t.epoch
)
select coalesce(array_agg(i) filter (where lost and fenced), '{}') as fenced,
       coalesce(array_agg(i) filter (where lost and not fenced), '{}') as stale
from verdict
"""


def commit_statement(shape: Shape) -> str:
    """The statement for batches of *shape*.

    Its parameters: $1 node, $2-$10 the turns, column by column, $11 facts; then, as far as the
    shape has them and in this order, the states of each table written to, cancels, sends, answers,
    and the rows of each appended table.
    """
    parts = [_HEAD]
    standing = ""
    if shape.consumes:
        parts.append(_STAND)
        standing = "where t.inbox is null or t.inbox in (select id from stand)"
    parts.append(_READY.format(standing=standing))
    at = 12
    for part in shape.parts:
        parts.append(_part(part, at))
        at += part.writes
    parts.append(_WON.format(landed=_landed(shape.parts)))
    parts.append(_JOURNAL)
    if shape.consumes:
        parts.append(_CONSUME)
    for present, text in ((shape.cancels, _CANCEL), (shape.sends, _SEND), (shape.answers, _ANSWER)):
        if present:
            selected = ", ".join(f"s.{name}" for name in INBOX_COLUMNS.split(", "))
            parts.append(text.format(at=at, columns=INBOX_COLUMNS, selected=selected))
            at += 1
    for table in shape.appended:
        quoted = [f'"{column}"' for column in table.columns]
        selected = ", ".join(f"r.{column}" for column in quoted)
        columns = ", ".join(quoted)
        parts.append(_APPEND.format(name=table.name, at=at, columns=columns, selected=selected))
        at += 1
    parts.append(_TAIL)
    return "".join(parts)


def _part(part: Part, states: int) -> str:
    table = part.table
    quoted = [f'"{column}"' for column in table.columns]
    names = {
        "name": table.name,
        "kind": table.kind,
        "states": states,
        "columns": ", ".join([*quoted, "partition"]),
        "selected": ", ".join([*(f"r.{column}" for column in quoted), "t.partition"]),
        "assigned": ", ".join(f"{column} = r.{column}" for column in quoted if column != '"id"'),
    }
    return "".join(text.format(**names) for text, _ in _wanted(part))


def _wanted(part: Part) -> list[tuple[str, str]]:
    """The texts that *part* needs, with what the names of their results end in."""
    texts = (
        (part.inserts, _INSERT, "new"),
        (part.updates, _UPDATE, "now"),
        (part.checks, _CHECK, "same"),
        (part.absences, _ABSENT, "none"),
    )
    return [(text, suffix) for present, text, suffix in texts if present]


def _landed(parts: Sequence[Part]) -> str:
    found = [
        f"select '{part.table.kind}' as kind, id as key from {part.table.name}_{suffix}"  # noqa: S608
        for part in parts
        for _, suffix in _wanted(part)
    ]
    nothing = "select null::text as kind, null::text as key where false"
    return "\n    union all ".join(found or [nothing])
