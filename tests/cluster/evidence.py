"""What the database says in the end: the journal, and which command caused what."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from actors.clock import derived_id
from tests.cluster.history import Call
from tests.cluster.nodes import Cluster

__all__ = ["Evidence", "Fact", "order_of", "read"]

_JOURNAL: Final = """
select kind, key, version, seq, fact, data::text, extract(epoch from at)::float8 as at,
    partition, epoch, node::text, xmin::text::bigint as xid
from journal order by kind, key, version, seq
"""


class Fact(NamedTuple):
    """One row of the journal."""

    kind: str
    key: str
    version: int
    seq: int
    fact: str
    data: Mapping[str, Any]
    at: float
    """When the turn began, in Unix time."""
    partition: int
    epoch: int
    node: str
    xid: int = 0
    """Of the transaction. In one partition those of an epoch are before those of the next: a
    commit takes its number before it locks the partition, and a take-over waits for that."""


@dataclass
class Evidence:
    """All facts, by whom they are about, in order."""

    facts: Sequence[Fact]
    of: dict[tuple[str, str], list[Fact]] = field(default_factory=lambda: defaultdict(list))
    by_title: dict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))

    of_order: dict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    """What a ticket did for an order."""

    def __post_init__(self) -> None:
        for fact in self.facts:
            self.of[fact.kind, fact.key].append(fact)
            if fact.fact in {"ticket.listed", "ticket.edited"}:
                self.by_title[fact.data["title"]].append(fact)
            elif fact.kind == "ticket" and "order_id" in fact.data:
                self.of_order[fact.data["order_id"]].append(fact)

    def has(self, kind: str, key: str, *names: str) -> Fact | None:
        """The first fact of one of *names* about an actor."""
        found = self.of.get((kind, key), ())
        return next((each for each in found if each.fact in names), None)

    def tickets(self) -> Iterator[tuple[str, list[Fact]]]:
        return ((key, facts) for (kind, key), facts in self.of.items() if kind == "ticket")


async def read(cluster: Cluster) -> Evidence:
    rows = await cluster.fetch(_JOURNAL)
    return Evidence(
        [
            Fact(**{**row, "data": msgspec.json.decode(row["data"])})
            for row in (dict(each) for each in rows)
        ]
    )


def order_of(call: Call) -> str:
    """The id of the order that *call* makes, if it makes one: the contract says how it is made."""
    assert call.key is not None
    return derived_id(call.user_id, call.path, call.key)
