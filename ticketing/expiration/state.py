"""What a watch remembers. Pure: no clock, no I/O, no refusals."""

from datetime import datetime
from typing import TypeAlias

from msgspec.structs import replace

from actors import Fact, State

__all__ = ["DeadlinesRepaired", "WatchFact", "WatchState"]


class DeadlinesRepaired(Fact, frozen=True, kw_only=True, tag="watch.repaired"):
    at: datetime
    count: int


WatchFact: TypeAlias = DeadlinesRepaired


class WatchState(State, frozen=True, kw_only=True):
    """A watch; one row of `watches`, once it has had to repair something."""

    repairs: int = 0
    repaired_at: datetime | None = None

    def apply(self, fact: WatchFact) -> "WatchState":
        return replace(self, repairs=self.repairs + fact.count, repaired_at=fact.at)
