"""(n): what it costs a turn that somebody could look, while nobody does.

Closed, the observer is a flag: a turn looks at it when its message is queued, when its handler
begins, when it commits and when it ends. That is measured by itself, in nanoseconds, because it is
far below what tells one whole turn from the next, and set against the shortest turn there is: one
that only looks, at an actor in memory, and commits nothing.

    python -m benchmarks.hooks ROUNDS SECONDS     in a process of its own, prints JSON
"""

import json
import sys
import time
from collections.abc import Callable

from actors import Ids, Runtime, Service, SystemClock
from actors.memory import MemoryDatabase, MemoryStore
from actors.node import Node
from benchmarks.asks import Counter, CounterState, ours
from benchmarks.stage import Stage, child
from benchmarks.table import Row
from ticketing import event_loop, logs
from ticketing.serve import calm_collector

__all__ = ["measure"]

SECONDS, SECONDS_QUICK = 2.0, 0.5
TURNS = 200_000
PERCENT_MAX = 2.0


class Hooked:
    """Where the flag is looked at from: an activation, as far as that goes."""

    __slots__ = ("_node",)

    def __init__(self, node: Node) -> None:
        self._node = node

    def turns(self, count: int) -> None:
        """The looks of so many turns that are committed."""
        for _ in range(count):
            if self._node.observer.is_open:  # In `put`.
                raise AssertionError
            if self._node.observer.is_open:  # In `_step`.
                raise AssertionError
            if self._node.observer.is_open:  # In `_finish`, if there is something to commit.
                raise AssertionError
            if self._node.observer.is_open:  # In `_count`.
                raise AssertionError

    def nothing(self, count: int) -> None:
        """The same without."""
        for _ in range(count):
            pass


async def measure(stage: Stage) -> list[Row]:
    """The closed hooks of a turn, and what they are of the shortest one."""
    seconds = SECONDS_QUICK if stage.quick else SECONDS
    rounds = await child(stage.folder, "hooks", str(stage.rounds), str(seconds))
    hooks, turns = ([each[name] for each in rounds] for name in ("hooks", "turn"))
    shares = [100 * hook / turn for hook, turn in zip(hooks, turns, strict=True)]
    return [
        Row(title="(n) a turn's hooks while nobody looks", unit="ns", values=hooks),
        Row(title="(n) the shortest turn, asked one by one", unit="ns", values=turns),
        Row(title="(n) the hooks' share of it", unit="%", values=shares, at_most=PERCENT_MAX),
    ]


def run(rounds: int, seconds: float) -> list[dict[str, float]]:
    """Nanoseconds a turn, round by round."""
    logs.configure("json")
    calm_collector()
    hooked = Hooked(_node())
    return [
        {
            "hooks": _nanoseconds(hooked.turns) - _nanoseconds(hooked.nothing),
            "turn": 1e9 / event_loop.run(ours(1, seconds)),
        }
        for _ in range(rounds)
    ]


def _nanoseconds(work: Callable[[int], None]) -> float:
    began = time.perf_counter_ns()
    work(TURNS)
    return (time.perf_counter_ns() - began) / TURNS


def _node() -> Node:
    """What activations share, of a runtime that is not started."""
    clock = SystemClock()
    ids = Ids(clock)
    store = MemoryStore(MemoryDatabase(state_types={"counter": CounterState}), clock, ids)
    services = [Service(name="counters", actors=[Counter()])]
    return Runtime(services, store=store, clock=clock, ids=ids)._node  # noqa: SLF001 - the seam


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), float(sys.argv[2]))))
