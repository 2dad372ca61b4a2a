"""What happens to a cluster: one fault after the other, sometimes two at a time, chosen by dice.

A fault begins, lasts, is healed, and is over when every node says again that it is ready.
"""

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from tests.cluster import clocks, hand
from tests.cluster.chaos_proxy import Line, Mode
from tests.cluster.history import History
from tests.cluster.nats_server import Nats
from tests.cluster.nodes import LEASE_SECONDS, Cluster, Node
from tests.support.wait import until

__all__ = ["FAULTS", "OTHERS", "Fault", "Nemesis"]

# From one fault to the next. Some begin before the cluster has quite recovered from the last one.
CALM_SECONDS: Final = (0.2, 2.0)

# A bound on liveness, not a promise.
BACK_SECONDS: Final = 40.0

STEPS_SECONDS: Final = (120, -60, 3600, -3600)

_CLOCK: Final = "clock stepped"
_DISK: Final = "disk of PostgreSQL full"
_OF_SEVERAL: Final = "one NATS of several"

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
    history: History = field(default_factory=History)
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
        fault.target = await {**FAULTS, **OTHERS}[name](self)
        fault.healed = _now()
        await self._all_back()
        fault.over = _now()
        return fault

    def counts(self) -> Counter[str]:
        return Counter(each.name for each in self.faults)

    def _deck(self) -> list[str]:
        """All that can be done here, shuffled: each comes once before any comes again."""
        left_out = self.left_out()
        names = [name for name in self.only or FAULTS if name not in left_out]
        assert names, f"nothing is left of {self.only}"
        self.chances.shuffle(names)
        return names

    def left_out(self) -> dict[str, str]:
        """What cannot be done here, and why."""
        found = {}
        if not clocks.AVAILABLE:
            found[_CLOCK] = "there is no libfaketime here"
        if self.cluster.disk is None:
            found[_DISK] = "the database has no disk of its own here"
        servers = len(self.cluster.servers)
        for name in FAULTS:
            if name.startswith(_OF_SEVERAL) and servers < 2:
                found[name] = f"nats-servers: {servers}"
            elif "NATS" in name and not servers:
                found[name] = "there is no nats-server"
        return found

    async def _all_back(self) -> None:
        for node in self.cluster.nodes:
            await node.ready(BACK_SECONDS)

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
    """SIGKILL of all servers there are."""
    servers = nemesis.cluster.servers
    await asyncio.gather(*(each.kill() for each in servers))
    await asyncio.sleep(nemesis.some_time(0.1, 2.0))
    await asyncio.gather(*(each.start() for each in servers))
    return "nats"


async def freeze_nats(nemesis: Nemesis) -> str:
    return await _freeze_nats(nemesis, nemesis.cluster.servers)


async def kill_one_nats(nemesis: Nemesis) -> str:
    server = nemesis.chances.choice(nemesis.cluster.servers)
    await server.kill()
    await asyncio.sleep(nemesis.some_time(0.1, 2.0))
    await server.start()
    return server.log.stem


async def freeze_one_nats(nemesis: Nemesis) -> str:
    return await _freeze_nats(nemesis, [nemesis.chances.choice(nemesis.cluster.servers)])


async def retire_one_nats(nemesis: Nemesis) -> str:
    """It lets its clients go before it ends, as in an update of the servers one by one."""
    server = nemesis.chances.choice(nemesis.cluster.servers)
    await server.retire()
    await server.start()
    return server.log.stem


async def _freeze_nats(nemesis: Nemesis, servers: Sequence[Nats]) -> str:
    for each in servers:
        each.freeze()
    try:
        await asyncio.sleep(nemesis.some_time(0.3, 2.0))
    finally:
        for each in servers:
            each.thaw()
    return " and ".join(each.log.stem for each in servers)


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
    """A node does not reach NATS, or is not reached: of all servers, if there are several."""
    return await _hold(nemesis, *nemesis.node().nats)


async def reset_database(nemesis: Nemesis) -> str:
    line = nemesis.node().database
    await line.reset()
    return line.name


async def reset_nats(nemesis: Nemesis) -> str:
    node = nemesis.node()
    await asyncio.gather(*(line.reset() for line in node.nats))
    return node.name


async def lose_answers(nemesis: Nemesis) -> str:
    """Some answers of the database are lost with their connection: it was done, or was it?"""
    line = nemesis.node().database
    for _ in range(5):
        await line.cut_after(nemesis.chances.randint(1, 4000))
        await asyncio.sleep(0.1)
    return line.name


async def lose_nats_answers(nemesis: Nemesis) -> str:
    node = nemesis.node()
    for _ in range(5):
        for line in node.nats:
            await line.cut_after(nemesis.chances.randint(1, 4000))
        await asyncio.sleep(0.1)
    return node.name


async def isolate(nemesis: Nemesis) -> str:
    """A node hears neither the database nor NATS; its clients still hear it."""
    node = nemesis.node()
    lines = [node.database, *node.nats]
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


async def fill_disk(nemesis: Nemesis) -> str:
    """Nothing can be written any more, sometimes not even the log of writes: PostgreSQL gives up.

    When there is room again it is started, if it has ended, as whoever runs such a server does.
    """
    disk, database = nemesis.cluster.disk, nemesis.cluster.database
    assert disk is not None
    is_log_full = nemesis.chances.random() < 0.5
    disk.fill()
    try:
        if is_log_full:
            with contextlib.suppress(asyncpg.PostgresError, OSError):
                await nemesis.cluster.fetch("select pg_switch_wal()")
        await asyncio.sleep(nemesis.some_time(0.5, 2.0))
    finally:
        disk.free()
    await until(lambda: _is_served(nemesis), "PostgreSQL serves again", every=0.1)
    return database.home.cluster.name + (" and its log" if is_log_full else "")


async def _is_served(nemesis: Nemesis) -> bool:
    """Whether the database answers; started again if it has ended."""
    database = nemesis.cluster.database
    if not database.server.running():
        await database.start()
    try:
        await nemesis.cluster.fetch("select")
    except (asyncpg.PostgresError, OSError):
        return False
    return True


async def write_by_hand(nemesis: Nemesis) -> str:
    """Somebody edits tickets in the database, past their owners."""
    found = []
    for _ in range(10):
        found.append(await hand.edit(nemesis.cluster, nemesis.history, _now()))
        await asyncio.sleep(0.05)
    return f"{len(list(filter(None, found)))} tickets"


async def _hold(nemesis: Nemesis, *lines: Line) -> str:
    way = nemesis.chances.choice(_WAYS)
    await asyncio.gather(*(line.set(way) for line in lines))
    try:
        await asyncio.sleep(nemesis.some_time(0.3, 2.0))
    finally:
        await asyncio.gather(*(line.set("pass") for line in lines))
    return f"{' and '.join(line.name for line in lines)} {way}"


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
    f"{_OF_SEVERAL} killed": kill_one_nats,
    f"{_OF_SEVERAL} frozen": freeze_one_nats,
    f"{_OF_SEVERAL} retired": retire_one_nats,
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
    _DISK: fill_disk,
}

# Only if asked for: what is promised does not hold for rows that are written past their owner.
OTHERS: Final[Mapping[str, Callable[[Nemesis], Awaitable[str]]]] = {
    "rows written by hand": write_by_hand,
}
