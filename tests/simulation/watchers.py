"""Those who watch live: real hubs and real frames, and a memory that outlives a connection."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from actors import UnavailableError
from tests.support.live_world import Client, ticket_id
from ticketing.auth.endings import News
from ticketing.tickets.state import TicketState
from ticketing.values import UserId
from web.live.names import Kind, Name
from web.live.sources import Found

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["Watchers"]

WATCHERS: Final = 4
LOOK_SECONDS: Final = 0.5


class _Gateway:
    """Where a client is connected; what `Client` wants to know of a market."""

    def __init__(self, hub: Any) -> None:
        self.hub = hub


class Watchers:
    """Clients of `/ws`, each with a few topics."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._dice = world.plan.dice("watchers")
        self._clients: list[Client] = []

    # Nobody here is signed in, so no session ever ends.

    async def since(self, newest: datetime | None) -> News:
        return News((), newest)

    async def write(self, user_id: UserId, session: str) -> None:
        raise AssertionError((user_id, session))

    async def forget(self) -> None:
        pass

    async def get(self, name: Name) -> Found | None:
        """What the database says of a topic, at some moment between now and the answer."""
        world = self._world
        await world.clock.sleep(self._dice.uniform(0, 0.01))
        if not world.faults.is_over and self._dice.random() < 0.02:
            raise UnavailableError("away")
        found = Found(tickets=[each for each in world.tickets() if _belongs(each, name)])
        await world.clock.sleep(self._dice.uniform(0, 0.01))
        return found

    async def watch(self) -> None:
        """Come, look, lose the line, come back; for ever."""
        while True:
            await self._world.clock.sleep(LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        hubs = [node.hub for node in self._world.nodes if node.hub is not None and node.is_well]
        if len(self._clients) < WATCHERS and hubs:
            topics = [f"ticket:{ticket_id(number)}" for number in self._some_tickets()]
            hub = self._dice.choice(hubs)
            self._clients.append(Client(_Gateway(hub), "tickets", *topics))  # type: ignore[arg-type]
            await self._subscribe(self._clients[-1], self._clients[-1].topics)
        for client in self._clients:
            breaks = self._world.faults.strikes("live_line_broken")
            if breaks:
                client.disconnect()  # What is on its way is lost.
            if breaks or client.hub not in hubs:
                if hubs:
                    client.market = _Gateway(self._dice.choice(hubs))  # type: ignore[assignment]
                    client.connect()
                    self._world.judge.note("somebody who watched came back to another node")
                    await self._subscribe(client, client.topics)
                continue
            client.read()
            wants, client.wants = client.wants, []
            if wants:
                await self._subscribe(client, wants)

    def _some_tickets(self) -> list[int]:
        sellers = [each.number for each in self._world.plan.visits if each.who == "seller"]
        return self._dice.sample(sellers, min(3, len(sellers)))

    async def _subscribe(self, client: Client, topics: Any) -> None:
        known = {ticket.id for ticket in self._world.tickets()}
        wanted = [each for each in topics if each == "tickets" or each.partition(":")[2] in known]
        try:
            async with asyncio.timeout(2):
                client.wants += await client.subscribe(*wanted)
        except (TimeoutError, UnavailableError):
            client.wants += topics

    async def check(self) -> None:
        """At rest everybody sees what is so."""
        for _ in range(30):
            await self._look()
            if not self._wrong():
                return
            await self._world.clock.sleep(1)
        for wrong in self._wrong():
            self._world.judge.fail(wrong)

    def _wrong(self) -> list[str]:
        truth = {each.id: each.version for each in self._world.tickets()}
        return [
            f"somebody sees {topic} {key} at version {version}, and it is at {truth.get(key)}"
            for client in self._clients
            for topic in client.replica.items
            for key, version in client.versions(topic).items()
            if truth.get(key) != version
        ]


def _belongs(ticket: TicketState, name: Name) -> bool:
    return name.kind is Kind.TICKETS or ticket.id == name.key
