"""Sixteen people around a small shelf of tickets, who get in each other's way.

Sellers are few, and everybody may act for any of them: so one ticket is edited from all sides.
Every edit has a title that occurs nowhere else, by which its effect is found in the journal; only
who asks for what is there already (`same`) repeats a title, and so is answered from memory.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.cluster.history import Call, History
from tests.cluster.node import Node
from tests.cluster.nodes import Cluster
from tests.cluster.wire import Client, token
from tests.crash.world import dice

__all__ = ["CLIENTS", "Market"]

CLIENTS: Final = 16
SELLERS: Final = 4

# Fewer than clients: several want the same.
SHELF: Final = 10

THINK_SECONDS: Final = 0.03

# A sentry that gets in asks so often, and waits so long for an answer.
WATCH_SECONDS: Final = 0.05
GLANCE_SECONDS: Final = 0.15

# Who comes to a node that is cut off waits so long.
CROWD_SECONDS: Final = 2.0

OFFERS: Final = 4

DONE: Final = (200, 201, 204)

_WEIGHTS: Final = {
    "edit": 8, "same": 3, "reserve": 7, "again": 3, "cancel": 4, "pay": 2, "look": 6, "follow": 4,
}  # fmt: skip


@dataclass
class Offer:
    """A ticket on the shelf, as far as anybody has heard."""

    id: str
    seller: str
    said: dict[str, Any]
    """What it was listed or last edited with."""


@dataclass
class Person:
    """A client who buys for itself, and sells for anybody."""

    market: "Market"
    client: Client
    chances: random.Random
    orders: list[dict[str, Any]] = field(default_factory=list)
    """Orders that may be live still."""

    @property
    def name(self) -> str:
        return self.client.name

    async def act(self) -> None:
        """Do something."""
        if len(self.market.shelf) < SHELF:
            await self.list()
            return
        (what,) = self.chances.choices([*_WEIGHTS], [*_WEIGHTS.values()])
        do: Callable[[], Awaitable[None]] = getattr(self, what)
        await do()

    async def list(self) -> None:
        seller = self.chances.choice(self.market.sellers)
        said = self._offer()
        call = await self.client.write(
            "list", "POST", "/api/tickets", user_id=seller, subject="", body=said
        )
        if call.status == 201:
            self.market.shelf.append(Offer(call.answer["id"], seller, said))

    async def edit(self) -> None:
        offer = self.chances.choice(self.market.shelf)
        said = self._offer()
        call = await self._put("edit", offer, said)
        if call.status == 200:
            offer.said = said

    async def same(self) -> None:
        """Ask for what is there: answered without a commit, from memory."""
        offer = self.chances.choice(self.market.shelf)
        await self._put("same", offer, offer.said)

    async def reserve(self) -> None:
        await self._reserve("reserve", self.chances.choice(self.market.shelf).id)

    async def again(self) -> None:
        """Reserve what one holds: answered without a commit, from memory."""
        if self.orders:
            await self._reserve("again", self.chances.choice(self.orders)["ticket"]["id"])

    async def cancel(self, client: Client | None = None) -> None:
        if not self.orders:
            return
        order = self._takes_an_order()
        call = await (client or self.client).write(
            "cancel", "DELETE", f"/api/orders/{order['id']}", user_id=self.name,
            subject=order["id"],
        )  # fmt: skip
        if not call.is_answered:
            self.orders.append(order)

    async def pay(self) -> None:
        if not self.orders:
            return
        order = self._takes_an_order()
        card = self.chances.choice(("tok_visa", "tok_visa", "tok_chargeDeclined"))
        call = await self.client.write(
            "pay", "POST", "/api/payments", user_id=self.name, subject=order["id"],
            body={"orderId": order["id"], "token": card},
        )  # fmt: skip
        if call.status == 402:
            self.orders.append(order)
        elif call.status == 201:
            self.market.take_off(order["ticket"]["id"])

    async def look(self) -> None:
        ticket = self.chances.choice(self.market.shelf).id
        call = await self.client.read(
            "look", f"/api/tickets/{ticket}", user_id=self.name, subject=ticket
        )
        if call.status == 200 and call.answer["status"] == "sold":
            self.market.take_off(ticket)

    async def follow(self) -> None:
        if not self.orders:
            return
        order = self.chances.choice(self.orders)
        call = await self.client.read(
            "follow", f"/api/orders/{order['id']}", user_id=self.name, subject=order["id"]
        )
        if call.status == 200 and call.answer["status"] in {"cancelled", "complete"}:
            self.orders = [each for each in self.orders if each["id"] != order["id"]]

    async def _put(self, what: str, offer: Offer, said: dict[str, Any]) -> Call:
        return await self.client.write(
            what, "PUT", f"/api/tickets/{offer.id}", user_id=offer.seller, subject=offer.id,
            body=said,
        )  # fmt: skip

    async def _reserve(self, what: str, ticket: str) -> None:
        call = await self.client.write(
            what, "POST", "/api/orders", user_id=self.name, subject=ticket,
            body={"ticketId": ticket},
        )  # fmt: skip
        self._note_order(call)

    def _note_order(self, call: Call) -> None:
        known = {each["id"] for each in self.orders}
        if call.status in {200, 201} and call.answer["id"] not in known:
            self.orders.append(call.answer)

    def _takes_an_order(self) -> dict[str, Any]:
        return self.orders.pop(self.chances.randrange(len(self.orders)))

    def _offer(self) -> dict[str, Any]:
        number = self.market.next_number()
        return {"title": f"{self.name} {number}", "price": self.chances.randint(5, 500)}


@dataclass
class Sentry:
    """Asks one node again and again for what others have, without a key.

    It is the one question that is answered without a look at the database: that somebody else has
    a ticket is known from the memory of who owns it. Nobody waits long for it: where there is more
    to be said than that, a node that reaches nobody does not say it.
    """

    market: "Market"
    client: Client
    elsewhere: Client
    """Itself, where it does not have to wait for this node."""

    async def look(self) -> None:
        if self.market.shelf:
            await self.peek(self.client.chances.choice(self.market.shelf).id, GLANCE_SECONDS)

    async def peek(self, ticket: str, seconds: float) -> None:
        call = await self.client.once(
            "peek", "/api/orders", {"ticketId": ticket},
            user_id=self.client.name, subject=ticket, seconds=seconds,
        )  # fmt: skip
        if call.status == 201:
            # It does not want it.
            order = call.answer["id"]
            await self.elsewhere.write(
                "cancel", "DELETE", f"/api/orders/{order}", user_id=self.client.name, subject=order
            )

    async def offer(self) -> None:
        """List a ticket, and do not ask again if nobody answers."""
        seller = self.client.chances.choice(self.market.sellers)
        said = {"title": f"{self.client.name} {self.market.next_number()}", "price": 5}
        call = await self.client.once(
            "offer", "/api/tickets", said, user_id=seller, subject="", seconds=CROWD_SECONDS
        )
        if call.status == 201:
            self.market.shelf.append(Offer(call.answer["id"], seller, said))


@dataclass
class Market:
    """Everybody, and the shelf."""

    cluster: Cluster
    chances: random.Random
    history: History = field(default_factory=History)
    people: list[Person] = field(default_factory=list)
    sentries: list[Sentry] = field(default_factory=list)
    shelf: list[Offer] = field(default_factory=list)
    sellers: list[str] = field(default_factory=lambda: [f"seller{n}" for n in range(SELLERS)])
    _numbers: int = 0
    _is_closing: bool = False

    def open(self, unix_time: float, clients: int = CLIENTS) -> None:
        """Let everybody in."""
        names = [f"client{number}" for number in range(clients)]
        watched = self.cluster.gateways
        sentries = [f"sentry{number}" for number in range(len(watched))]
        tokens = {
            name: token(name, self.cluster.jwt_key, unix_time)
            for name in (*names, *sentries, *self.sellers)
        }

        def client(name: str, gateways: Sequence[Node]) -> Client:
            chances = dice(self.chances.getrandbits(64))
            return Client(name, self.cluster.http, gateways, tokens, self.history, chances)

        for name, node in zip(sentries, watched, strict=True):
            self.sentries.append(Sentry(self, client(name, [node]), client(name, watched)))
        for name in names:
            self.people.append(
                Person(self, client(name, watched), dice(self.chances.getrandbits(64)))
            )

    async def trade(self) -> None:
        """Everybody acts without a rest until it is closed."""
        async with asyncio.TaskGroup() as tasks:
            for person in self.people:
                tasks.create_task(self._live(person))
            for sentry in self.sentries:
                tasks.create_task(self._watch(sentry))

    def offers(self, node: Node) -> list[Coroutine[Any, Any, None]]:
        """Those who offer something to *node* and to nobody else.

        No version and no key keeps it out if it comes too late.
        """
        return [self._sentry(node).offer() for _ in range(OFFERS)]

    def peeks(self, node: Node) -> list[Coroutine[Any, Any, None]]:
        """Those who ask *node* for every ticket that there is, and ask nobody else."""
        return [self._sentry(node).peek(each.id, CROWD_SECONDS) for each in self.shelf]

    def _sentry(self, node: Node) -> Sentry:
        return self.sentries[self.cluster.gateways.index(node)]

    async def let_go(self, node: Node, seconds: float) -> None:
        """Everybody cancels an order, not through *node*; for so many *seconds* at most."""
        others = [each for each in self.cluster.gateways if each is not node]
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                for person in self.people if others else ():
                    tasks.create_task(
                        person.cancel(replace(person.client, gateways=others, _at=None))
                    )

    def close(self) -> None:
        self._is_closing = True

    def take_off(self, ticket: str) -> None:
        self.shelf[:] = [each for each in self.shelf if each.id != ticket]

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    async def _live(self, person: Person) -> None:
        while not self._is_closing:
            await person.act()
            await asyncio.sleep(person.chances.uniform(0.0, 2 * THINK_SECONDS))

    async def _watch(self, sentry: Sentry) -> None:
        while not self._is_closing:
            await sentry.look()
            await asyncio.sleep(sentry.client.chances.uniform(0.0, 2 * WATCH_SECONDS))
