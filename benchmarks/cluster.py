"""`make bench-cluster`: what clients feel of several processes, and of faults among them.

The faults happen to the cluster of `tests/cluster`, with a lease of two seconds and the same
clients; what they are told is held against the journal, so that a figure of a run that lost
something is never shown.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from benchmarks import processes
from benchmarks.stage import stage
from benchmarks.table import Row, percentile, render
from tests.cluster import evidence, nodes
from tests.cluster.checker import check
from tests.cluster.clients import Market
from tests.cluster.history import Call
from tests.cluster.node import Node
from tests.cluster.nodes import LEASE_SECONDS, RESERVATION_SECONDS, Cluster
from tests.cluster.wire import Client
from tests.crash.world import dice
from tests.support import postgres
from tests.support.wait import until

__all__ = ["MEASURES", "main"]

ROUNDS: Final = 5
NODES: Final = 3

# Before a fault, so that every node has actors in memory; and after it, so that all is heard of.
CALM_SECONDS: Final = 3.0
GONE_SECONDS: Final = 3.0

CREATED: Final = 201

# Reservations that lapse one after the other, from the fault until it must be over.
HELD: Final = 60
HOLD_SECONDS: Final = LEASE_SECONDS + 1.0

_UNOWNED: Final = """
select count(*) from partition p left join node n on n.id = p.owner
where n.state is distinct from 'up'
"""
_DEAD: Final = "select count(*) from node where state = 'dead'"
_UNIX_TIME: Final = "select extract(epoch from clock_timestamp())::float8"

_LAPSES: Final = """
select extract(epoch from j.at - (r.data->>'until')::timestamptz)::float8 as late
from journal j
join journal r on r.kind = j.kind and r.key = j.key and r.fact = 'ticket.reserved'
    and r.data->>'order_id' = j.data->>'order_id'
where j.fact = 'ticket.released' and j.data->>'reason' = 'lapsed'
    and (r.data->>'until')::timestamptz between to_timestamp($1) and to_timestamp($2)
"""


@dataclass
class Scene:
    """A cluster under load, to which things happen."""

    cluster: Cluster
    market: Market
    unix_less_monotonic: float

    def calls(self, since: float, until_: float) -> list[Call]:
        """Those that were under way between the two; of those that are asked until answered."""
        return [
            each
            for each in self.market.history.calls
            if each.what != "peek" and each.ended >= since and each.began <= until_
        ]

    def worst(self, since: float, until_: float) -> float:
        return max(each.seconds for each in self.calls(since, until_))

    def back_after(self, since: float) -> float:
        """How long after *since* the last of all who were waiting then had been answered.

        And if it was later, when the last request came to its end that was not served.
        """
        calls = [each for each in self.market.history.calls if each.what != "peek"]
        waited = [call.ended for call in calls if call.began <= since <= call.ended]
        refused = [
            each.ended
            for call in calls
            for each in call.tries
            if each.ended >= since and each.status in {None, 500, 503}
        ]
        return max((each - since for each in (*waited, *refused)), default=0.0)

    async def hold(self, number: int) -> None:
        """Have tickets reserved so that from now on one reservation after another lapses.

        The *number* is another each time: it makes the keys of the requests.
        """
        people = self.market.people
        holder = people[0].client
        client = Client(
            "holder", self.cluster.http, holder.gateways, holder.tokens, self.market.history,
            dice(number),
        )  # fmt: skip
        listed = [
            await client.write(
                "list", "POST", "/api/tickets", user_id=self.market.sellers[0], subject="",
                body={"title": f"held {self.market.next_number()}", "price": 5},
            )
            for _ in range(HELD)
        ]  # fmt: skip
        for call in listed:
            held = await client.write(
                "reserve", "POST", "/api/orders", user_id=holder.name, subject=call.answer["id"],
                body={"ticketId": call.answer["id"]},
            )  # fmt: skip
            if held.status != CREATED:
                raise RuntimeError(f"void: a ticket was not reserved: {held}")
            await asyncio.sleep(HOLD_SECONDS / HELD)
        await asyncio.sleep(RESERVATION_SECONDS - HOLD_SECONDS)

    async def dead(self) -> int:
        """How many nodes have been declared dead so far."""
        ((count,),) = await self.cluster.fetch(_DEAD)
        found: int = count
        return found

    async def owned(self, *, dead: int) -> None:
        """Wait until so many are dead, and every partition has an owner that is up."""

        async def is_owned() -> bool:
            ((count,),) = await self.cluster.fetch(_UNOWNED)
            return not count and await self.dead() >= dead

        await until(is_owned, "every partition is owned", every=0.02)

    async def judge(self) -> None:
        read = await evidence.read(self.cluster)
        found = check(self.market.history, read, unix_less_monotonic=self.unix_less_monotonic)
        if found:
            raise RuntimeError(f"void: {found[:5]}")


@asynccontextmanager
async def scene(seed: int) -> AsyncIterator[Scene]:
    """A cluster with people in it; what they were told is judged in the end."""
    with postgres.data_folder() as folder:
        async with nodes.running(folder, ["all"] * NODES) as cluster:
            ((unix_time,),) = await cluster.fetch(_UNIX_TIME)
            market = Market(cluster, dice(seed))
            market.open(unix_time)
            made = Scene(cluster, market, unix_time - now())
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(market.trade())
                try:
                    await asyncio.sleep(CALM_SECONDS)
                    yield made
                    await asyncio.sleep(CALM_SECONDS)
                finally:
                    market.close()
            await cluster.rest()
            await made.judge()


async def killed(rounds: int) -> list[Row]:
    """(q) kill -9 of an owner."""
    worst, taken, late = [], [], []
    async with scene(1) as on:
        for number in range(rounds):
            node = on.cluster.nodes[number % NODES]
            await on.hold(number)
            began = now()
            dead = await on.dead()
            await node.kill()
            await on.owned(dead=dead + 1)
            taken.append(now() - began)
            await asyncio.sleep(LEASE_SECONDS)
            worst.append(on.worst(began, began + taken[-1]))
            late.append(await _lateness(on, began, began + taken[-1]) - taken[-1])
            await _back(node)
    return [
        Row(title="(q) kill -9 of an owner: worst answer", unit="s", values=worst,
            at_most=LEASE_SECONDS + 1.0),
        Row(title="(q) kill -9 of an owner: until all is taken over", unit="s", values=taken),
        Row(title="(q) a lapse due meanwhile: how late, less the take-over", unit="s",
            values=late, at_most=0.5),
    ]  # fmt: skip


async def handed_over(rounds: int) -> list[Row]:
    """(r) a planned hand-over of everything that a node has."""
    worst, tails = [], []
    async with scene(2) as on:
        for number in range(rounds):
            node = on.cluster.nodes[number % NODES]
            began = now()
            assert await node.stop() == 0
            ended = now()
            await asyncio.sleep(1.0)
            seconds = [each.seconds for each in on.calls(began, ended)]
            worst.append(max(seconds))
            tails.append(percentile(seconds, 0.99))
            await _back(node)
    return [
        Row(title="(r) planned hand-over of everything: p99", unit="s", values=tails, at_most=0.5),
        Row(title="(r) planned hand-over of everything: worst answer", unit="s", values=worst,
            at_most=1.5),
    ]  # fmt: skip


async def without_nats(rounds: int) -> list[Row]:
    """(s) NATS gone for three seconds."""
    back = []
    async with scene(3) as on:
        nats = on.cluster.nats
        assert nats is not None
        for _ in range(rounds):
            await nats.kill()
            await asyncio.sleep(GONE_SECONDS)
            await nats.start()
            returned = now()
            await asyncio.sleep(CALM_SECONDS)
            back.append(on.back_after(returned))
            _nobody_ended(on.cluster)
    title = "(s) NATS gone for 3 s: all answered after its return by"
    return [Row(title=title, unit="s", values=back, at_most=1.0)]


async def without_postgres(rounds: int) -> list[Row]:
    """(t) PostgreSQL gone for three seconds."""
    back = []
    async with scene(4) as on:
        for _ in range(rounds):
            on.cluster.database.signal(signal.SIGKILL)
            await asyncio.sleep(GONE_SECONDS)
            await on.cluster.database.start()
            returned = now()
            await asyncio.sleep(CALM_SECONDS)
            back.append(on.back_after(returned))
            _nobody_ended(on.cluster)
    title = "(t) PostgreSQL gone for 3 s: all answered after its return by"
    return [Row(title=title, unit="s", values=back, at_most=1.0)]


FAULTS: Final[dict[str, Callable[[int], Awaitable[list[Row]]]]] = {
    "q": killed,
    "r": handed_over,
    "s": without_nats,
    "t": without_postgres,
}
MEASURES: Final = (*FAULTS, "u")


async def _lateness(on: Scene, began: float, ended: float) -> float:
    """How late the latest of the lapses was that were due between the two."""
    by = on.unix_less_monotonic
    rows = await on.cluster.fetch(_LAPSES, began + by, ended + by)
    late: list[float] = [row["late"] for row in rows]
    print(f"  (q) {len(late)} lapses were due within {ended - began:.1f} s")
    return max(late)


async def _back(node: Node) -> None:
    await node.start()
    await node.ready()
    await asyncio.sleep(CALM_SECONDS)


def _nobody_ended(cluster: Cluster) -> None:
    assert not any(node.ends for node in cluster.nodes), "a node had to be started again"


def now() -> float:
    return asyncio.get_running_loop().time()


async def measure(wanted: list[str], *, rounds: int, quick: bool) -> list[Row]:
    """All rows of *wanted*."""
    rows: list[Row] = []
    for letter, each in FAULTS.items():
        if letter in wanted:
            print(f"{letter}: {each.__doc__}", flush=True)
            rows += await each(rounds)
    if "u" in wanted:
        print(f"u: {processes.measure.__doc__}", flush=True)
        async with stage(rounds=rounds, quick=quick) as on:
            rows += await processes.measure(on)
    return sorted(rows, key=lambda row: row.title[:3])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(MEASURES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="shorter, to try it out")
    given = parser.parse_args()
    rows = asyncio.run(measure(given.only, rounds=given.rounds, quick=given.quick))
    today = datetime.now(UTC)  # noqa: TID251 - a benchmark is not part of the product
    print(f"\n{today:%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(render(rows))


if __name__ == "__main__":
    main()
