"""Several nodes in virtual time, on one database and one line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from actors import Ids, Runtime
from actors.lease import Timing
from actors.memory import MemoryDatabase
from actors.memory_link import MemoryLink, MemoryNetwork
from actors.simulation import SimulatedClock
from tests.support.counter import SERVICES, Counter, Courier, counter
from tests.support.simulated import CountingStore, database, services
from tests.support.simulated import Node as Asked

__all__ = ["TIMING", "Cluster", "cluster"]

TIMING = Timing()


@dataclass
class Cluster:
    """Nodes that come and go."""

    clock: SimulatedClock
    data: MemoryDatabase
    network: MemoryNetwork
    nodes: list[Asked] = field(default_factory=list)
    links: list[MemoryLink] = field(default_factory=list)

    async def begin(self, runs: tuple[str, ...] = SERVICES) -> Asked:
        """One more."""
        ids = Ids(self.clock, seed=1 + len(self.nodes))
        store = CountingStore(self.data, self.clock, ids)
        link = self.network.link()
        runtime = Runtime(
            services([Counter()], [Courier()]),
            store=store,
            clock=self.clock,
            ids=ids,
            link=link,
            runs=runs,
        )
        node = Asked(runtime, store, self.clock, ids)
        self.nodes.append(node)
        self.links.append(link)
        await runtime.start()
        return node

    async def kill(self, node: Asked) -> None:
        """Without a word to anybody."""
        self.links[self.nodes.index(node)].end()
        await node.runtime.abandon()

    async def end(self, node: Asked) -> None:
        """In good order."""
        await node.runtime.hand_over()
        await node.runtime.stop()

    def owned(self, node: Asked) -> set[int]:
        return {
            each for each, owner in self.data.owners.items() if owner.node == node.runtime.node_id
        }

    def owner(self, key: str) -> Asked:
        partition = self.nodes[0].runtime._node.placement.partition(counter(key))
        name = self.data.owners[partition].node
        return next(node for node in self.nodes if node.runtime.node_id == name)

    async def settle(self) -> None:
        """Until shares are as they should be; twice, since a move begins when the other is seen."""
        await self.clock.sleep(3 * TIMING.heartbeat)


@asynccontextmanager
async def cluster(count: int = 2) -> AsyncIterator[Cluster]:
    clock = SimulatedClock()
    made = Cluster(clock, database(), MemoryNetwork(clock))
    for _ in range(count):
        await made.begin()
    await made.settle()
    try:
        yield made
    finally:
        for node in made.nodes:
            if node.runtime._tasks._running:
                await node.runtime.stop()
