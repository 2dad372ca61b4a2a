"""Faults as they strike: which, how often, and the store and the network that they strike."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from actors import Clock, Ids
from actors.clock import SystemClock
from actors.lease import Timing
from actors.memory import Fault, MemoryDatabase, MemoryStore
from actors.memory_link import MemoryNetwork, Way
from actors.simulation import EPOCH
from actors.store import Answer, Commit, Outcome
from tests.simulation.judge import Judge
from tests.simulation.plan import CHANCES, Plan

if TYPE_CHECKING:
    from tests.simulation.node import SimulatedNode

__all__ = ["TIMING", "Faults", "NodeClock", "WorldStore", "network"]

TIMING: Final = Timing.of(3.0)
"""Shorter than in production, so that much happens in little time."""

_COMMIT_FAULTS = {
    "commit_failed": Fault.FAIL,
    "commit_answer_lost": Fault.LOSE_ANSWER,
    "commit_slow": Fault.SLOW,
}


class Faults:
    """Says whether a fault strikes now, and counts those that did."""

    def __init__(self, plan: Plan) -> None:
        self.struck: Counter[str] = Counter()
        self.is_over = False
        self.storm = 1.0
        """How much likelier than usual the faults of commits are."""
        self._off = plan.off
        self.dice = plan.dice("faults")

    def strikes(self, kind: str, times: float = 1.0) -> bool:
        """Whether *kind* strikes at this occasion."""
        if self.is_over or kind in self._off or self.dice.random() >= CHANCES[kind] * times:
            return False
        self.struck[kind] += 1
        return True


class NodeClock(SystemClock):
    """A machine's clock: wrong by *skew* until the database has said the time, and *rate* too fast.

    Both are what `SystemClock` is there to correct, so it is that which runs here.
    """

    def __init__(self, skew: timedelta, rate: float) -> None:
        super().__init__()
        self._rate = 1 + rate
        self._began_at = EPOCH + skew

    def now(self) -> datetime:
        return self._began_at + self.offset + timedelta(seconds=self.monotonic() * self._rate)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def network(clock: Clock, faults: Faults) -> MemoryNetwork:
    """A network on which words take their time, get lost and come twice."""

    def drops(way: Way) -> bool:
        return faults.strikes(
            {"request": "request_lost", "answer": "answer_lost"}.get(way.kind, "cast_lost")
        )

    def doubles(way: Way) -> bool:
        # A line that is not cut does not repeat a request: only clients do, see `people`.
        return way.kind == "cast" and faults.strikes("cast_doubled")

    def latency() -> float:
        if faults.strikes("word_delayed"):
            return faults.dice.choice((0.1, 0.3, 1, 2, 4)) * faults.dice.uniform(1, 2)
        return faults.dice.uniform(0, 0.003)

    return MemoryNetwork(clock, latency=latency, drops=drops, doubles=doubles)


class WorldStore(MemoryStore):
    """A node's way to the database, on which everything may happen; the judge sees each commit."""

    def __init__(
        self,
        node: "SimulatedNode",
        database: MemoryDatabase,
        ids: Ids,
        faults: Faults,
        judge: Judge,
    ) -> None:
        # The database's time is the true one, whatever the node's own clock says.
        super().__init__(database, judge.clock, ids, lease=timedelta(seconds=TIMING.lease))
        self.is_dead = False
        self.latency = lambda: faults.dice.uniform(0, 0.004)
        self._faults = faults
        self._judge = judge
        self._at = node

    async def _travel(self) -> None:
        if self.is_dead:
            await _never()
        await super()._travel()
        if self.is_dead:
            await _never()

    async def commit(self, batch: Sequence[Commit]) -> list[Outcome]:
        storm = self._faults.storm
        if self._faults.strikes("crash_before_commit", storm):
            self._judge.note("a node died before its commit")
            self._at.crash_soon()
            await _never()
        dies = self._faults.strikes("crash_after_commit", storm)
        if not dies:
            for kind, fault in _COMMIT_FAULTS.items():
                if self._faults.strikes(kind, storm):
                    self.faults.append(fault)
                    if fault is Fault.LOSE_ANSWER:
                        self._judge.unheard.update(
                            each.answer.id for each in batch if each.answer is not None
                        )
                    break
        outcomes = await super().commit(batch)
        if dies:
            self._judge.note("a node died after its commit, before anybody knew")
            self._at.crash_soon()
            await _never()
        return outcomes

    def _write(self, commit: Commit) -> Outcome:
        outcome = super()._write(commit)
        if outcome is Outcome.COMMITTED:
            owner = self.database.owners.get(commit.partition)
            if owner != (self.node, commit.epoch):
                self._judge.fail(f"committed by a node that does not own it: {commit.ref}")
            self._judge.committed(commit)
        elif outcome is Outcome.FENCED:
            self._judge.note("a commit was fenced")
            if self._at.was_paused:
                self._judge.note("a zombie's commit was fenced")
        else:
            self._judge.note("a turn computed from an old state was refused")
        return outcome

    async def take(self, partitions: Sequence[int]) -> dict[int, int]:
        taken = await super().take(partitions)
        self._judge.moved(taken, is_taken=True)
        return taken

    async def hand_over(self, moves: Mapping[int, str]) -> dict[int, int]:
        given = await super().hand_over(moves)
        self._judge.moved(given, is_taken=False)
        return given

    async def answer(self, ask_id: str) -> Answer | None:
        found = await super().answer(ask_id)
        if found is not None:
            self._judge.note("a stored answer was given to a retry")
            if ask_id in self._judge.unheard:
                self._judge.note("an answer lost after its commit was given to the retry")
        return found

    async def load(self, refs: Any) -> Any:
        return await super().load(refs)


async def _never() -> None:
    """What a dead process waits for; whoever buries it cancels this."""
    await asyncio.get_running_loop().create_future()
