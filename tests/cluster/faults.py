"""What can happen to a cluster. Each fault begins, lasts and heals, and says whom it struck."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import asyncpg

from tests.cluster import clocks, hand
from tests.cluster.chaos_proxy import Line, Mode
from tests.cluster.nats_server import Nats
from tests.cluster.nodes import Cluster
from tests.cluster.victims import BACK_SECONDS, Victims, now
from tests.support.wait import until

__all__ = ["FAULTS", "OTHERS", "left_out"]

STEPS_SECONDS: Final = (120, -60, 3600, -3600)

# A node that answers from memory does it in a moment.
CROWD_COMES_SECONDS: Final = 0.2

LETTING_GO_SECONDS: Final = 3.0

_CLOCK: Final = "clock stepped"
_DISK: Final = "disk of PostgreSQL full"
_OF_SEVERAL: Final = "one NATS of several"

_WAYS: Final[tuple[Mode, ...]] = ("blackhole", "up_hole", "down_hole", "refuse")


async def kill(on: Victims) -> str:
    """SIGKILL, and a new process after a moment."""
    node = on.node()
    await node.kill()
    await asyncio.sleep(on.some_time(0.0, 1.5))
    await node.start()
    return node.name


async def kill_two(on: Victims) -> str:
    """SIGKILL of two at once, or of the only one."""
    nodes = on.chances.sample(on.cluster.nodes, min(2, len(on.cluster.nodes)))
    await asyncio.gather(*(node.kill() for node in nodes))
    await asyncio.gather(*(node.start() for node in nodes))
    return " and ".join(node.name for node in nodes)


async def freeze(on: Victims) -> str:
    """SIGSTOP, for less than a lease or for several; then it goes on as if nothing had been."""
    node = on.node()
    node.freeze()
    try:
        await asyncio.sleep(on.some_time(0.5, 3.0))
    finally:
        node.thaw()
    return node.name


async def flicker(on: Victims) -> str:
    """SIGSTOP for about the time in which a lease is renewed, again and again."""
    node = on.node()
    for _ in range(4):
        node.freeze()
        try:
            await asyncio.sleep(on.some_time(0.2, 0.9))
        finally:
            node.thaw()
        await asyncio.sleep(on.some_time(0.05, 0.3))
    return node.name


async def stop(on: Victims) -> str:
    """SIGTERM: everything is handed over, and a new process comes."""
    node = on.node()
    await node.ready(BACK_SECONDS)  # It may have been started again a moment ago.
    code = await node.stop()
    assert code == 0, f"{node.name} ended with {code} on SIGTERM"
    await node.start()
    return node.name


async def kill_nats(on: Victims) -> str:
    """SIGKILL of all servers there are."""
    servers = on.cluster.servers
    await asyncio.gather(*(each.kill() for each in servers))
    await asyncio.sleep(on.some_time(0.1, 2.0))
    await asyncio.gather(*(each.start() for each in servers))
    return "nats"


async def freeze_nats(on: Victims) -> str:
    return await _freeze_nats(on, on.cluster.servers)


async def kill_one_nats(on: Victims) -> str:
    server = on.chances.choice(on.cluster.servers)
    await server.kill()
    await asyncio.sleep(on.some_time(0.1, 2.0))
    await server.start()
    return server.log.stem


async def freeze_one_nats(on: Victims) -> str:
    return await _freeze_nats(on, [on.chances.choice(on.cluster.servers)])


async def retire_one_nats(on: Victims) -> str:
    """It lets its clients go before it ends, as in an update of the servers one by one."""
    server = on.chances.choice(on.cluster.servers)
    await server.retire()
    await server.start()
    return server.log.stem


async def _freeze_nats(on: Victims, servers: Sequence[Nats]) -> str:
    for each in servers:
        each.freeze()
    try:
        await asyncio.sleep(on.some_time(0.3, 2.0))
    finally:
        for each in servers:
            each.thaw()
    return " and ".join(each.log.stem for each in servers)


async def kill_database(on: Victims) -> str:
    database = on.cluster.database
    database.signal(signal.SIGKILL)
    await asyncio.sleep(on.some_time(0.0, 1.5))
    await database.start()
    return "database"


async def freeze_database(on: Victims) -> str:
    database = on.cluster.database
    database.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(on.some_time(0.3, 1.5))
    finally:
        database.signal(signal.SIGCONT)
    return "database"


async def cut_database(on: Victims) -> str:
    """A line is held back in one or both directions, or nobody is there."""
    return await _hold(on, on.node().database)


async def cut_some_of_database(on: Victims) -> str:
    """Some connections are held back: heartbeats do not come through, and commits may."""
    line = on.node().database
    end = now() + on.some_time(1.5, 3.0)
    try:
        while now() < end:
            await line.set("some")
            await asyncio.sleep(on.some_time(0.5, 1.5))
    finally:
        await line.set("pass")
    return line.name


async def cut_nats(on: Victims) -> str:
    """A node does not reach NATS, or is not reached: of all servers, if there are several."""
    return await _hold(on, *on.node().nats)


async def reset_database(on: Victims) -> str:
    line = on.node().database
    await line.reset()
    return line.name


async def reset_nats(on: Victims) -> str:
    node = on.node()
    await asyncio.gather(*(line.reset() for line in node.nats))
    return node.name


async def lose_answers(on: Victims) -> str:
    """Some answers of the database are lost with their connection: it was done, or was it?"""
    line = on.node().database
    for _ in range(5):
        await line.cut_after(on.chances.randint(1, 4000))
        await asyncio.sleep(0.1)
    return line.name


async def lose_nats_answers(on: Victims) -> str:
    node = on.node()
    for _ in range(5):
        for line in node.nats:
            await line.cut_after(on.chances.randint(1, 4000))
        await asyncio.sleep(0.1)
    return node.name


async def isolate(on: Victims) -> str:
    """A node hears neither the database nor NATS; its clients still hear it."""
    node = on.node()
    lines = [node.database, *node.nats]
    await asyncio.gather(*(line.set("blackhole") for line in lines))
    try:
        await asyncio.sleep(on.some_time(0.5, 3.0))
    finally:
        await asyncio.gather(*(line.set("pass") for line in lines))
    return node.name


async def isolate_before_a_crowd(on: Victims) -> str:
    """The same, until others have let go of what they held, through whoever took it over.

    Before that somebody offers tickets through the node, which nobody else ever hears of; after it
    a crowd asks the node for everything that it remembers.
    """
    node = on.chances.choice(on.cluster.gateways)
    lines = [node.database, *node.nats]
    async with asyncio.TaskGroup() as crowd:
        await asyncio.gather(*(line.set("blackhole") for line in lines))
        try:
            for offer in on.market.offers(node):
                crowd.create_task(offer)
            await asyncio.sleep(on.some_time(1.0, 1.5))
            await on.market.let_go(node, LETTING_GO_SECONDS)
            for peek in on.market.peeks(node):
                crowd.create_task(peek)
            await asyncio.sleep(CROWD_COMES_SECONDS)
        finally:
            await asyncio.gather(*(line.set("pass") for line in lines))
    return node.name


async def freeze_while_killing(on: Victims) -> str:
    """One is frozen while another one dies."""
    first, *others = on.chances.sample(on.cluster.nodes, len(on.cluster.nodes))
    first.freeze()
    try:
        if others:
            await others[0].kill()
            await asyncio.sleep(on.some_time(0.3, 1.5))
            await others[0].start()
        await asyncio.sleep(on.some_time(0.3, 1.5))
    finally:
        first.thaw()
    return first.name


async def step_clock(on: Victims) -> str:
    """The time of day of a node is wrong for a while, then right again."""
    node = on.node()
    seconds = on.chances.choice(STEPS_SECONDS)
    node.clock.step(seconds)
    try:
        await asyncio.sleep(on.some_time(0.3, 2.0))
    finally:
        node.clock.step(0)
    return f"{node.name} {seconds:+d} s"


async def fill_disk(on: Victims) -> str:
    """Nothing can be written any more, sometimes not even the log of writes: PostgreSQL gives up.

    When there is room again it is started, if it has ended, as whoever runs such a server does.
    """
    disk, database = on.cluster.disk, on.cluster.database
    assert disk is not None
    is_log_full = on.chances.random() < 0.5
    disk.fill()
    try:
        if is_log_full:
            with contextlib.suppress(asyncpg.PostgresError, OSError):
                await on.cluster.fetch("select pg_switch_wal()")
        await asyncio.sleep(on.some_time(0.5, 2.0))
    finally:
        disk.free()
    await until(lambda: _is_served(on), "PostgreSQL serves again", every=0.1)
    return database.home.cluster.name + (" and its log" if is_log_full else "")


async def _is_served(on: Victims) -> bool:
    """Whether the database answers; started again if it has ended."""
    database = on.cluster.database
    if not database.server.running():
        await database.start()
    try:
        await on.cluster.fetch("select")
    except (asyncpg.PostgresError, OSError):
        return False
    return True


async def write_by_hand(on: Victims) -> str:
    """Somebody edits tickets in the database, past their owners."""
    found = []
    for _ in range(10):
        found.append(await hand.edit(on.cluster, on.market.history, now()))
        await asyncio.sleep(0.05)
    return f"{len(list(filter(None, found)))} tickets"


async def _hold(on: Victims, *lines: Line) -> str:
    way = on.chances.choice(_WAYS)
    await asyncio.gather(*(line.set(way) for line in lines))
    try:
        await asyncio.sleep(on.some_time(0.3, 2.0))
    finally:
        await asyncio.gather(*(line.set("pass") for line in lines))
    return f"{' and '.join(line.name for line in lines)} {way}"


FAULTS: Final[Mapping[str, Callable[[Victims], Awaitable[str]]]] = {
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
    "both lines held, and a crowd": isolate_before_a_crowd,
    _CLOCK: step_clock,
    _DISK: fill_disk,
}

# Only if asked for: what is promised does not hold for rows that are written past their owner.
OTHERS: Final[Mapping[str, Callable[[Victims], Awaitable[str]]]] = {
    "rows written by hand": write_by_hand,
}


def left_out(cluster: Cluster) -> dict[str, str]:
    """What cannot be done to *cluster*, and why."""
    found = {}
    if not clocks.AVAILABLE:
        found[_CLOCK] = "there is no libfaketime here"
    if cluster.disk is None:
        found[_DISK] = "the database has no disk of its own here"
    servers = len(cluster.servers)
    for name in FAULTS:
        if name.startswith(_OF_SEVERAL) and servers < 2:
            found[name] = f"nats-servers: {servers}"
        elif "NATS" in name and not servers:
            found[name] = "there is no nats-server"
    return found
