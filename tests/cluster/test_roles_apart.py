"""Six processes, one a role; payments die while orders go on.

`make nemesis` has the long form: payments are away for 30 s.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from tests.cluster import nodes
from tests.cluster.history import Call, History
from tests.cluster.node import Node
from tests.cluster.nodes import Cluster
from tests.cluster.wire import BUDGET_SECONDS, Client, token
from tests.crash.world import dice
from tests.support import postgres
from tests.support.wait import until

ROLES = ("gateway", "auth", "tickets", "orders", "expiration", "payments")

SELLER, BUYER, PAYER = "seller", "buyer", "payer"

# Generous: a bound on liveness. What is promised is measured by the benchmarks.
LATE_SECONDS = 2.0
ANSWERED_SECONDS = 2.0


class World:
    """A market in which everybody talks to the one gateway."""

    def __init__(self, cluster: Cluster, tokens: dict[str, str]) -> None:
        self.cluster = cluster
        self.history = History()
        self._tokens = tokens
        self._clients = {name: self._client(name, seed) for seed, name in enumerate(tokens)}

    @property
    def payments(self) -> Node:
        (found,) = (node for node in self.cluster.nodes if node.services == "payments")
        return found

    async def orders(self, who: str) -> Any:
        """Reserve a ticket of its own; the order."""
        listed = await self._write(SELLER, "POST", "/api/tickets", {"title": "A", "price": 10})
        placed = await self._write(who, "POST", "/api/orders", {"ticketId": listed.answer["id"]})
        assert placed.status == 201, placed
        return placed.answer

    async def pays(self, order: Any) -> Call:
        body = {"orderId": order["id"], "token": "tok_visa"}
        return await self._write(PAYER, "POST", "/api/payments", body)

    async def cancels(self, order: Any) -> None:
        assert (await self._write(BUYER, "DELETE", f"/api/orders/{order['id']}")).status == 204

    async def status(self, who: str, order: Any) -> str:
        path = f"/api/orders/{order['id']}"
        call = await self._clients[who].read("follow", path, user_id=who, subject=order["id"])
        status: str = call.answer["status"]
        return status

    async def lateness(self, order: Any) -> float:
        """By how much the reservation of *order* has outlived its time, once it has ended."""
        ticket = order["ticket"]["id"]

        async def released() -> float | None:
            rows = await self.cluster.fetch(
                "select extract(epoch from at)::float8 from journal"
                " where kind = 'ticket' and key = $1 and fact = 'ticket.released'",
                ticket,
            )
            return rows[0][0] if rows else None

        at = await until(released, "a reservation lapses", every=0.05)
        assert at is not None
        return at - datetime.fromisoformat(order["expiresAt"]).timestamp()

    async def _write(self, who: str, method: str, path: str, body: Any = None) -> Call:
        return await self._clients[who].write(
            method, method, path, user_id=who, subject="", body=body
        )

    def _client(self, name: str, seed: int) -> Client:
        gateways = self.cluster.gateways
        return Client(name, self.cluster.http, gateways, self._tokens, self.history, dice(seed))


@asynccontextmanager
async def standing(reservation_seconds: float) -> AsyncIterator[World]:
    settings = {"TICKETING_RESERVATION_SECONDS": f"{reservation_seconds:g}"}
    with postgres.data_folder() as folder:
        async with nodes.running(folder, ROLES, settings) as cluster:
            ((now,),) = await cluster.fetch("select extract(epoch from clock_timestamp())::float8")
            names = (SELLER, BUYER, PAYER)
            yield World(cluster, {name: token(name, cluster.jwt_key, now) for name in names})


@pytest.mark.parametrize("away_seconds", [4.0, pytest.param(30.0, marks=pytest.mark.nemesis)])
async def test_orders_and_lapses_do_not_notice_that_payments_are_away(away_seconds: float) -> None:
    # Longer than payments are away, so that who began to pay before is in time after.
    async with standing(2.5 * away_seconds) as world, asyncio.TaskGroup() as tasks:
        now = asyncio.get_running_loop().time
        bought = await world.orders(PAYER)
        assert (await world.pays(bought)).status == 201
        early = [await world.orders(BUYER) for _ in range(5)]
        # Those lapse when payments have been away for a while.
        await asyncio.sleep(2.0 * away_seconds)
        paid = await world.orders(PAYER)
        hold = {"operation": "create", "kind": "hold", "seconds": 1.0, "order": paid["id"]}
        await world.cluster.sandbox.script(hold)
        paying = tasks.create_task(world.pays(paid))
        await until(lambda: is_begun(world, paid), "a payment is under way")
        await world.payments.kill()
        back = now() + away_seconds
        began = len(world.history.calls)
        while now() < back:
            await world.cancels(await world.orders(BUYER))
        calls = [each for each in world.history.calls[began:] if each.who != PAYER]
        late = [await world.lateness(order) for order in early]
        await world.payments.start()
        await world.payments.ready()
        sys.stdout.write(
            f"payments away for {away_seconds:g} s: {len(calls)} calls, worst answer"
            f" {max(each.seconds for each in calls):.3f} s; lapses late by {max(late):.3f} s\n"
        )
        assert max(each.seconds for each in calls) < ANSWERED_SECONDS
        assert max(late) < LATE_SECONDS
        # Who pays does not wait as long as that; it is paid all the same.
        assert (await paying).status == (201 if away_seconds < BUDGET_SECONDS else None)

        async def is_complete() -> bool:
            return await world.status(PAYER, paid) == "complete"

        await until(is_complete, "payments go on where they were")
        await world.cluster.sandbox.script()
        await world.cluster.rest()
        assert await world.cluster.fsck() == []


async def is_begun(world: World, order: Any) -> bool:
    return any(
        each["metadata"].get("order_id") == order["id"]
        for each in await world.cluster.sandbox.held()
    )
