"""(d): asks within one process, of an actor that answers from memory: our runtime and Pykka.

Pykka is the peer because it is the usual actor library of Python: a thread an actor, a queue, and a
future for each ask. Our ask does more - mailbox bound, deadline, supervision, the guarantee that
what is answered is durable - and must be faster all the same.

    python -m benchmarks.asks ROUNDS SECONDS     in a process of its own, prints JSON
"""

import asyncio
import importlib.util
import json
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from msgspec.structs import replace

from actors import (
    Actor,
    Fact,
    Ids,
    Message,
    Ref,
    Runtime,
    Service,
    State,
    SystemClock,
    Turn,
    handle,
)
from actors.memory import MemoryDatabase, MemoryStore
from benchmarks.stage import Stage, child
from benchmarks.table import Row
from ticketing import event_loop, logs
from ticketing.serve import calm_collector

__all__ = ["measure"]

SECONDS, SECONDS_QUICK = 2.0, 0.5
IN_FLIGHT = 64
TARGET = 2.5
# How many asks between two looks at the clock.
STRIDE = 64


class Count(Message[int], frozen=True, kw_only=True, tag="benchmark.count"):
    """Come to be: count one."""


class Look(Message[int], frozen=True, kw_only=True, tag="benchmark.look"):
    """The count, from memory."""


class Counted(Fact, frozen=True, kw_only=True, tag="benchmark.counted"):
    pass


CounterFact: TypeAlias = Counted


class CounterState(State, frozen=True, kw_only=True):
    total: int = 0

    def apply(self, fact: CounterFact) -> "CounterState":  # noqa: ARG002
        return replace(self, total=self.total + 1)


class Counter(Actor[CounterState]):
    """As little as an actor can be."""

    kind, service, table, asks = "counter", "counters", "counters", ()

    @handle(creates=True)
    async def count(self, message: Count, turn: Turn[CounterState]) -> int:  # noqa: ARG002
        turn.record(Counted())
        return turn.state.total

    @handle
    async def look(self, message: Look, turn: Turn[CounterState]) -> int:  # noqa: ARG002
        return turn.state.total


async def measure(stage: Stage) -> list[Row]:
    """Asks a second and what they are of Pykka's, round by round."""
    if importlib.util.find_spec("pykka") is None:
        print("  (d) skipped: pykka is not installed (pip install pykka)")
        return []
    seconds = SECONDS_QUICK if stage.quick else SECONDS
    rounds = await child(stage.folder, "asks", str(stage.rounds), str(seconds))
    found = {name: [each[name] for each in rounds] for name in rounds[0]}
    many = f"{IN_FLIGHT} in flight"

    def ratio(title: str, ours: str, peer: str, target: float | None) -> Row:
        ratios = [mine / other for mine, other in zip(found[ours], found[peer], strict=True)]
        return Row(title=title, unit="x", values=ratios, at_least=target)

    return [
        ratio("(d) asks one by one, ours / Pykka blocking", "ours", "pykka", TARGET),
        *([ratio("(d) asks one by one, all on one core, ours / Pykka blocking", "ours_one_core",
                 "pykka_one_core", None)] if "ours_one_core" in found else []),
        ratio(f"(d) asks {many}, ours / Pykka blocking in {IN_FLIGHT} threads", "ours_many",
              "pykka_threads", TARGET),
        ratio(f"(d) asks {many}, ours / Pykka with {IN_FLIGHT} futures in flight", "ours_many",
              "pykka_many", None),
        *(Row(title=f"(d) {name.replace('_', ' ')}", unit="1/s", values=values)
          for name, values in found.items()),
    ]  # fmt: skip


async def ours(in_flight: int, seconds: float) -> float:
    """Our asks a second, by *in_flight* askers of one actor."""
    clock = SystemClock()
    ids = Ids(clock)
    store = MemoryStore(MemoryDatabase(state_types={"counter": CounterState}), clock, ids)
    services = [Service(name="counters", actors=[Counter()])]
    runtime = Runtime(services, store=store, clock=clock, ids=ids)
    await runtime.start()
    counter = Ref("counter", "one")
    await runtime.ask(counter, Count())

    async def ask_until(end: float) -> int:
        done = 0
        while time.perf_counter() < end:
            for _ in range(STRIDE):
                await runtime.ask(counter, Look())
            done += STRIDE
        return done

    rate = await _rate(ask_until, in_flight, seconds)
    await runtime.stop()
    return rate


async def _rate(
    ask_until: Callable[[float], Awaitable[int]], in_flight: int, seconds: float
) -> float:
    began = time.perf_counter()
    done = await asyncio.gather(*(ask_until(began + seconds) for _ in range(in_flight)))
    return sum(done) / (time.perf_counter() - began)


def pykka_actor() -> Any:
    """The same actor for Pykka, started."""
    import pykka  # noqa: PLC0415 - the rest works without it

    class PykkaCounter(pykka.ThreadingActor):
        def __init__(self) -> None:
            super().__init__()
            self.total = 1

        def on_receive(self, message: object) -> int:
            assert isinstance(message, Look)
            return self.total

    return PykkaCounter.start()


def pykka_blocking(threads: int, seconds: float) -> float:
    """Pykka's asks a second, by so many threads that each wait for their answer."""
    ref = pykka_actor()
    done: list[int] = []
    began = time.perf_counter()

    def ask() -> None:
        count = 0
        while time.perf_counter() < began + seconds:
            for _ in range(STRIDE):
                ref.ask(Look(), block=True)
            count += STRIDE
        done.append(count)

    askers = [threading.Thread(target=ask) for _ in range(threads - 1)]
    for asker in askers:
        asker.start()
    ask()
    for asker in askers:
        asker.join()
    rate = sum(done) / (time.perf_counter() - began)
    ref.stop()
    return rate


def pykka_futures(in_flight: int, seconds: float) -> float:
    """Pykka's asks a second, by one thread that sends *in_flight* before it waits for them."""
    ref = pykka_actor()
    done, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        for future in [ref.ask(Look(), block=False) for _ in range(in_flight)]:
            future.get()
        done += in_flight
    rate = done / (time.perf_counter() - began)
    ref.stop()
    return rate


def on_one_core(contest: Callable[[], float]) -> Callable[[], float]:
    """The same where threads take turns without waking another core: Pykka's best case."""

    def run() -> float:
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores)})
        try:
            return contest()
        finally:
            os.sched_setaffinity(0, cores)

    return run


def run(rounds: int, seconds: float) -> list[dict[str, float]]:
    """The rates, round by round; who begins takes turns."""
    logs.configure("json")
    calm_collector()
    contests: dict[str, Callable[[], float]] = {
        "ours": lambda: event_loop.run(ours(1, seconds)),
        "pykka": lambda: pykka_blocking(1, seconds),
        "ours_many": lambda: event_loop.run(ours(IN_FLIGHT, seconds)),
        "pykka_threads": lambda: pykka_blocking(IN_FLIGHT, seconds),
        "pykka_many": lambda: pykka_futures(IN_FLIGHT, seconds),
    }
    if hasattr(os, "sched_setaffinity"):
        for name in ("ours", "pykka"):
            contests[f"{name}_one_core"] = on_one_core(contests[name])
    names = list(contests)
    found = []
    for number in range(rounds):
        order = names if number % 2 == 0 else names[::-1]
        rates = {name: contests[name]() for name in order}
        found.append({name: rates[name] for name in names})
    return found


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), float(sys.argv[2]))))
