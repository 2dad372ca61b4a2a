"""A node that is stopped in the middle of a commit, and goes on when its tickets are another's.

Between its stop and its end the ticket is sold, through the node that took it over.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import psutil

from tests.cluster import freezing, nodes
from tests.cluster.history import Call, History
from tests.cluster.node import Node
from tests.cluster.nodes import LEASE_SECONDS, Cluster
from tests.cluster.wire import Client, token
from tests.crash.world import dice
from tests.support import postgres
from tests.support.wait import until

SELLER, BUYER = "seller", "buyer"

BEFORE = "commit.before:tickets.edit"
AFTER = "commit.after:tickets.edit"

STOPPED_SECONDS = 3 * LEASE_SECONDS

# However long it takes that somebody answers.
PATIENCE_SECONDS = 60.0

# What may be told to who asks a zombie: that the ticket is sold, or to come back.
TRUE = {409, 503}

_OWNER = """
select p.owner::text from partition p join tickets t on t.partition = p.id where t.id = $1
"""


class World:
    """Two nodes, of which the first that edits a ticket stops meanwhile."""

    def __init__(self, cluster: Cluster, tokens: dict[str, str]) -> None:
        self.cluster = cluster
        self.zombie, self.heir = cluster.nodes
        self.history = History()
        self.tokens = tokens
        self.client = Client(
            "client", cluster.http, [self.heir], tokens, self.history, dice(1)
        )  # fmt: skip

    async def lists(self) -> str:
        """A ticket that belongs to the node that will be the zombie."""
        while True:
            body = {"title": f"ticket {len(self.history.calls)}", "price": 10}
            listed = await self.client.write(
                "list", "POST", "/api/tickets", user_id=SELLER, subject="", body=body
            )
            assert listed.status == 201, listed
            ((owner,),) = await self.cluster.fetch(_OWNER, listed.answer["id"])
            if owner == self.zombie.id:
                ticket: str = listed.answer["id"]
                return ticket

    async def edits(self, node: Node, ticket: str, title: str, key: str) -> tuple[int, Any]:
        """Status and body of one request to *node*, however long it takes."""
        headers = {"Authorization": f"Bearer {self.tokens[SELLER]}", "Idempotency-Key": key}
        async with self.cluster.http.put(
            f"{node.url}/api/tickets/{ticket}", json={"title": title, "price": 10},
            headers=headers, timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS),
        ) as answer:  # fmt: skip
            return answer.status, await answer.json()

    async def sells(self, ticket: str) -> None:
        """Buy it through the heir, which has to take it over first."""
        placed = await self._buys("/api/orders", ticket, {"ticketId": ticket})
        order = placed.answer["id"]
        await self._buys("/api/payments", order, {"orderId": order, "token": "tok_visa"})

    async def _buys(self, path: str, subject: str, body: Any) -> Call:
        call = await self.client.write(
            "buy", "POST", path, user_id=BUYER, subject=subject, body=body
        )
        assert call.status == 201, call
        return call

    async def is_stopped(self) -> bool:
        process = self.zombie.process
        assert process is not None
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED

    async def facts(self, ticket: str) -> list[str]:
        rows = await self.cluster.fetch(
            "select fact from journal where key = $1 order by version, seq", ticket
        )
        return [row["fact"] for row in rows]


@asynccontextmanager
async def standing(place: str) -> AsyncIterator[World]:
    settings = {freezing.AT: place, "TICKETING_RESERVATION_SECONDS": "60"}
    with postgres.data_folder() as folder:
        async with nodes.running(
            folder,
            ["all"] * 2,
            settings,
            command=("-m", "tests.cluster.freezing"),
            one_by_one=True,
        ) as cluster:
            ((now,),) = await cluster.fetch("select extract(epoch from clock_timestamp())::float8")
            tokens = {name: token(name, cluster.jwt_key, now) for name in (SELLER, BUYER)}
            yield World(cluster, tokens)


async def test_what_a_zombie_had_decided_does_not_happen_and_is_not_told() -> None:
    async with standing(BEFORE) as world, asyncio.TaskGroup() as tasks:
        ticket = await world.lists()
        zombie = world.zombie
        edit = tasks.create_task(world.edits(zombie, ticket, "too late", "k1"))
        await until(world.is_stopped, "the node has stopped in the middle of a commit")
        stopped = asyncio.get_running_loop().time()
        await world.sells(ticket)
        # This waits in the zombie's socket: it would be answered from memory, without a commit.
        (listed,) = [each for each in world.history.calls if each.what == "list"][-1:]
        same = tasks.create_task(world.edits(zombie, ticket, listed.body["title"], "k2"))
        await asyncio.sleep(stopped + STOPPED_SECONDS - asyncio.get_running_loop().time())
        zombie.thaw()
        for asked in (edit, same):
            status, body = await asked
            assert status in TRUE, body
        await zombie.ready()
        status, body = await world.edits(zombie, ticket, listed.body["title"], "k3")
        assert (status, body["code"]) == (409, "ticket_sold")
        assert await world.facts(ticket) == ["ticket.listed", "ticket.reserved", "ticket.sold"]
        await world.cluster.rest()
        assert await world.cluster.fsck() == []


async def test_what_a_zombie_had_committed_is_told_by_its_heir() -> None:
    async with standing(AFTER) as world, asyncio.TaskGroup() as tasks:
        ticket = await world.lists()
        edit = tasks.create_task(world.edits(world.zombie, ticket, "in time", "k1"))
        await until(world.is_stopped, "the node has stopped after a commit")

        async def told_by_the_heir() -> Any:
            status, body = await world.edits(world.heir, ticket, "in time", "k1")
            return body if status == 200 else None

        told = await until(told_by_the_heir, "the heir answers", every=0.05)
        await world.sells(ticket)
        world.zombie.thaw()
        status, body = await edit
        assert status == 503 or body == told, body
        await world.zombie.ready()
        # To each copy of the request the answer is the same, whatever has come since.
        for node in (world.zombie, world.heir):
            assert await world.edits(node, ticket, "in time", "k1") == (200, told)
        assert (await world.facts(ticket)).count("ticket.edited") == 1
        await world.cluster.rest()
        assert await world.cluster.fsck() == []
