"""The product with one of its protections taken out: to see that a run notices.

`python -m tests.cluster.mutant NAME serve ...` is `python -m ticketing serve ...` otherwise. Two
names with a plus between them take out both.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from actors import postgres, postgres_membership, postgres_statement
from actors.placement import SLOTS, Placement
from actors.ref import Ref
from actors.store import Commit, Outcome

__all__ = ["FEW_PARTITIONS", "MUTANTS", "command", "with_few_partitions"]

FEW_PARTITIONS: Final = "few-partitions"
FEW: Final = 4


def without_the_fence() -> None:
    """A commit does not look whose partition it is any more; nor do the sessions of the dead end.

    The two keep out the same: what was on its way to the database when its node was declared dead.
    """
    _replace(postgres_membership, "_END_SESSIONS", "select pg_terminate_backend(a.pid)", "select 1")
    _replace(postgres_statement, "_HEAD", "and p.owner = $1", "")
    _replace(postgres_statement, "_READY", "and f.epoch = t.epoch", "")


def without_versions() -> None:
    """A commit does not look whether the actor is as it was."""
    _replace(postgres_statement, "_UPDATE", "and a.version = t.expected", "")
    _replace(postgres_statement, "_CHECK", "and a.version = t.expected", "")


def without_leases() -> None:
    """A node answers from memory without a look at its lease."""
    from actors import lease  # noqa: PLC0415 - so that the others do not depend on it

    lease.Lease.holds = property(lambda _self: True)  # type: ignore[assignment,method-assign]


def without_stored_answers() -> None:
    """What was answered is not kept, and so not found."""
    commit = postgres.PostgresStore.commit

    async def forgetful(store: postgres.PostgresStore, batch: Sequence[Commit]) -> list[Outcome]:
        return await commit(store, [replace(each, answer=None) for each in batch])

    postgres.PostgresStore.commit = forgetful  # type: ignore[method-assign]


def with_few_partitions() -> None:
    """Nothing is taken out: all actors are in a few partitions of their service.

    So whatever comes too late comes after somebody else in its partition.
    """
    partition = Placement.partition

    def crowded(placement: Placement, ref: Ref) -> int:
        found = partition(placement, ref)
        return found - found % SLOTS + found % FEW

    Placement.partition = crowded  # type: ignore[method-assign]


MUTANTS: Final[Mapping[str, Callable[[], None]]] = {
    "fence": without_the_fence,
    "versions": without_versions,
    "leases": without_leases,
    "answers": without_stored_answers,
    FEW_PARTITIONS: with_few_partitions,
}


def command(names: str) -> tuple[str, ...]:
    """What follows the interpreter to start the product without what *names* names."""
    return ("-m", "tests.cluster.mutant", names)


def _replace(module: Any, name: str, old: str, new: str) -> None:
    text = getattr(module, name)
    assert old in text, f"{module.__name__}.{name} is not what it was"
    setattr(module, name, text.replace(old, new))


if __name__ == "__main__":
    from ticketing.__main__ import main

    for name in sys.argv[1].split("+"):
        MUTANTS[name]()
    sys.exit(main(sys.argv[2:]))
