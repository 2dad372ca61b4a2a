"""What happens to a cluster: one fault after the other, sometimes two at a time, chosen by dice.

A fault begins, lasts, is healed, and is over when every node says again that it is ready.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.cluster.chaos_proxy import Line, Mode
from tests.cluster.clocks import AVAILABLE
from tests.cluster.nodes import LEASE_SECONDS, Cluster, Node

__all__ = ["FAULTS", "LEFT_OUT", "Fault", "Nemesis"]

# From one fault to the next. Some begin before the cluster has quite recovered from the last one.
CALM_SECONDS: Final = (0.2, 2.0)

# A bound on liveness, not a promise.
BACK_SECONDS: Final = 40.0

STEPS_SECONDS: Final = (120, -60, 3600, -3600)

_CLOCK: Final = "clock stepped"
LEFT_OUT: Final[Mapping[str, str]] = {} if AVAILABLE else {_CLOCK: "there is no libfaketime here"}

_WAYS: Final[tuple[Mode, ...]] = ("blackhole", "up_hole", "down_hole", "refuse")


@dataclass
class Fault:
    """One thing that happened, by the clock of the clients."""

    name: str
    target: str
    began: float
    healed: float = 0.0
    over: float = 0.0
    """When every node was ready again."""


@dataclass
class Nemesis:
    """Does harm to *cluster*."""

    cluster: Cluster
    chances: random.Random
    faults: list[Fault] = field(default_factory=list)
    only: tuple[str, ...] = ()

    async def rage(self, until: float) -> None:
        """Do harm until then; after that all is healed, and everybody is back."""
        deck: list[str] = []
        while _now() < until:
            if not deck:
                deck = self._deck()
            await self.strike(deck.pop())
            await asyncio.sleep(self.chances.uniform(*CALM_SECONDS))

    async def strike(self, name: str) -> Fault:
        """Do this, and wait until everybody is back."""
        fault = Fault(name, "", _now())
        self.faults.append(fault)
        fault.target = await FAULTS[name](self)
        fault.healed = _now()
        await self._all_back()
        fault.over = _now()
        return fault

    def counts(self) -> Counter[str]:
        return Counter(each.name for each in self.faults)

    def _deck(self) -> list[str]:
        """All that can be done here, shuffled: each comes once before any comes again."""
        names = [name for name in FAULTS if self._is_possible(name)]
        self.chances.shuffle(names)
        return names

    def _is_possible(self, name: str) -> bool:
        if self.only:
            return name in self.only
        return name not in LEFT_OUT and (self.cluster.nats is not None or "NATS" not in name)

    async def _all_back(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for node in self.cluster.nodes:
                tasks.create_task(node.ready(BACK_SECONDS))

    def node(self) -> Node:
        return self.chances.choice(self.cluster.nodes)

    def some_time(self, least: float = 0.3, most: float = 3.0) -> float:
        """Seconds, in leases."""
        return self.chances.uniform(least, most) * LEASE_SECONDS


async def kill(nemesis: Nemesis) -> str:
    """SIGKILL, and a new process after a moment."""
    node = nemesis.node()
    await node.kill()
    await asyncio.sleep(nemesis.some_time(0.0, 1.5))
    await node.start()
    return node.name


async def kill_two(nemesis: Nemesis) -> str:
    """SIGKILL of two at once, or of the only one."""
    nodes = nemesis.chances.sample(nemesis.cluster.nodes, min(2, len(nemesis.cluster.nodes)))
    await asyncio.gather(*(node.kill() for node in nodes))
    await asyncio.gather(*(node.start() for node in nodes))
    return " and ".join(node.name for node in nodes)


async def freeze(nemesis: Nemesis) -> str:
    """SIGSTOP, for less than a lease or for several; then it goes on as if nothing had been."""
    node = nemesis.node()
    node.freeze()
    try:
        await asyncio.sleep(nemesis.some_time(0.5, 3.0))
    finally:
        node.thaw()
    return node.name


async def flicker(nemesis: Nemesis) -> str:
    """SIGSTOP for about the time in which a lease is renewed, again and again."""
    node = nemesis.node()
    for _ in range(4):
        node.freeze()
        try:
            await asyncio.sleep(nemesis.some_time(0.2, 0.9))
        finally:
            node.thaw()
        await asyncio.sleep(nemesis.some_time(0.05, 0.3))
    return node.name


async def stop(nemesis: Nemesis) -> str:
    """SIGTERM: everything is handed over, and a new process comes."""
    node = nemesis.node()
    await node.ready(BACK_SECONDS)  # It may have been started again a moment ago.
    code = await node.stop()
    assert code == 0, f"{node.name} ended with {code} on SIGTERM"
    await node.start()
    return node.name


async def kill_nats(nemesis: Nemesis) -> str:
    nats = nemesis.cluster.nats
    assert nats is not None
    await nats.kill()
    await asyncio.sleep(nemesis.some_time(0.1, 2.0))
    await nats.start()
    return "nats"


async def freeze_nats(nemesis: Nemesis) -> str:
    nats = nemesis.cluster.nats
    assert nats is not None
    nats.freeze()
    try:
        await asyncio.sleep(nemesis.some_time(0.3, 2.0))
    finally:
        nats.thaw()
    return "nats"


async def kill_database(nemesis: Nemesis) -> str:
    database = nemesis.cluster.database
    database.signal(signal.SIGKILL)
    await asyncio.sleep(nemesis.some_time(0.0, 1.5))
    await database.start()
    return "database"


async def freeze_database(nemesis: Nemesis) -> str:
    database = nemesis.cluster.database
    database.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(nemesis.some_time(0.3, 1.5))
    finally:
        database.signal(signal.SIGCONT)
    return "database"


async def cut_database(nemesis: Nemesis) -> str:
    """A line is held back in one or both directions, or nobody is there."""
    return await _hold(nemesis, nemesis.node().database)


async def cut_some_of_database(nemesis: Nemesis) -> str:
    """Some connections are held back: heartbeats do not come through, and commits may."""
    line = nemesis.node().database
    until = _now() + nemesis.some_time(1.5, 3.0)
    try:
        while _now() < until:
            await line.set("some")
            await asyncio.sleep(nemesis.some_time(0.5, 1.5))
    finally:
        await line.set("pass")
    return line.name


async def cut_nats(nemesis: Nemesis) -> str:
    line = nemesis.node().nats
    assert line is not None
    return await _hold(nemesis, line)


async def reset_database(nemesis: Nemesis) -> str:
    line = nemesis.node().database
    await line.reset()
    return line.name


async def reset_nats(nemesis: Nemesis) -> str:
    line = nemesis.node().nats
    assert line is not None
    await line.reset()
    return line.name


async def lose_answers(nemesis: Nemesis) -> str:
    """Some answers of the database are lost with their connection: it was done, or was it?"""
    line = nemesis.node().database
    for _ in range(5):
        await line.cut_after(nemesis.chances.randint(1, 4000))
        await asyncio.sleep(0.1)
    return line.name


async def lose_nats_answers(nemesis: Nemesis) -> str:
    line = nemesis.node().nats
    assert line is not None
    for _ in range(5):
        await line.cut_after(nemesis.chances.randint(1, 4000))
        await asyncio.sleep(0.1)
    return line.name


async def isolate(nemesis: Nemesis) -> str:
    """A node hears neither the database nor NATS; its clients still hear it."""
    node = nemesis.node()
    lines = [line for line in (node.database, node.nats) if line is not None]
    await asyncio.gather(*(line.set("blackhole") for line in lines))
    try:
        await asyncio.sleep(nemesis.some_time(0.5, 3.0))
    finally:
        await asyncio.gather(*(line.set("pass") for line in lines))
    return node.name


async def freeze_while_killing(nemesis: Nemesis) -> str:
    """One is frozen while another one dies."""
    first, *others = nemesis.chances.sample(nemesis.cluster.nodes, len(nemesis.cluster.nodes))
    first.freeze()
    try:
        if others:
            await others[0].kill()
            await asyncio.sleep(nemesis.some_time(0.3, 1.5))
            await others[0].start()
        await asyncio.sleep(nemesis.some_time(0.3, 1.5))
    finally:
        first.thaw()
    return first.name


async def step_clock(nemesis: Nemesis) -> str:
    """The time of day of a node is wrong for a while, then right again."""
    node = nemesis.node()
    seconds = nemesis.chances.choice(STEPS_SECONDS)
    node.clock.step(seconds)
    try:
        await asyncio.sleep(nemesis.some_time(0.3, 2.0))
    finally:
        node.clock.step(0)
    return f"{node.name} {seconds:+d} s"


async def _hold(nemesis: Nemesis, line: Line) -> str:
    way = nemesis.chances.choice(_WAYS)
    await line.set(way)
    try:
        await asyncio.sleep(nemesis.some_time(0.3, 2.0))
    finally:
        await line.set("pass")
    return f"{line.name} {way}"


def _now() -> float:
    return asyncio.get_running_loop().time()


FAULTS: Final[Mapping[str, Callable[[Nemesis], Awaitable[str]]]] = {
    "kill -9": kill,
    "kill -9 of two": kill_two,
    "SIGSTOP": freeze,
    "SIGSTOP again and again": flicker,
    "SIGSTOP and kill -9": freeze_while_killing,
    "SIGTERM": stop,
    "NATS killed": kill_nats,
    "NATS frozen": freeze_nats,
    "PostgreSQL killed": kill_database,
    "PostgreSQL frozen": freeze_database,
    "line to PostgreSQL held": cut_database,
    "some of a line to PostgreSQL held": cut_some_of_database,
    "line to PostgreSQL reset": reset_database,
    "answers of PostgreSQL lost": lose_answers,
    "line to NATS held": cut_nats,
    "line to NATS reset": reset_nats,
    "answers over NATS lost": lose_nats_answers,
    "both lines held": isolate,
    _CLOCK: step_clock,
}
