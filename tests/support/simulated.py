"""Tests in virtual time: each runs in the simulator, once for each of a few seeds.

@simulated()
async def test_something() -> None:
async with counters() as node:
...
"""

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from actors import Actor, Clock, Ids, Message, Ref, Runtime, Service, StoreUnavailableError, Worker
from actors.memory import MemoryDatabase, MemoryStore
from actors.message import encode, wire_name
from actors.placement import Placement
from actors.simulation import SimulatedClock, simulate
from actors.store import Commit, InboxRow, Outcome
from tests.support.counter import SERVICES, Counter, CounterState, Courier, counter

__all__ = ["CountingStore", "Node", "counters", "database", "outcome", "simulated"]

Test = Callable[..., Coroutine[Any, Any, None]]


def simulated(*, seeds: int = 5) -> Callable[[Test], Callable[..., None]]:
    """Run the test in the simulator with so many seeds."""

    def decorate(test: Test) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: Any, **kwargs: Any) -> None:
            for seed in range(seeds):
                simulate(lambda: test(*args, **kwargs), seed)

        return run

    return decorate


def database() -> MemoryDatabase:
    return MemoryDatabase({"counter": CounterState})


class CountingStore(MemoryStore):
    """Remembers which batches came and how many were under way at once."""

    def __init__(
        self, data: MemoryDatabase, clock: Clock, ids: Ids, *, exclusive: bool = False
    ) -> None:
        super().__init__(data, clock, ids, exclusive=exclusive)
        self.batches: list[int] = []
        self.under_way = 0
        self.under_way_max = 0
        self.loads: list[int] = []
        self.fails_to_look_ahead = 0
        """How many of the next reads of what is due later are going to fail."""

    async def commit(self, batch: Sequence[Commit]) -> list[Outcome]:
        self.batches.append(len(batch))
        self.under_way += 1
        self.under_way_max = max(self.under_way_max, self.under_way)
        try:
            return await super().commit(batch)
        finally:
            self.under_way -= 1

    async def due(
        self, before: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[InboxRow]:
        if before > self._clock.now() and self.fails_to_look_ahead:
            self.fails_to_look_ahead -= 1
            raise StoreUnavailableError
        return await super().due(before, after, limit)

    async def load(self, refs: Sequence[Ref]) -> dict[Ref, Any]:
        self.loads.append(len(refs))
        return await super().load(refs)


@dataclass(frozen=True, slots=True)
class Node:
    """A running node of counters and couriers."""

    runtime: Runtime
    store: CountingStore
    clock: SimulatedClock
    ids: Ids

    async def ask(self, key: str, message: Message[Any], **kwargs: Any) -> Any:
        return await self.runtime.ask(counter(key), message, **kwargs)

    async def tell(self, key: str, message: Message[Any], **kwargs: Any) -> None:
        await self.runtime.tell(counter(key), message, **kwargs)

    async def drop_into_inbox(self, key: str, message: Message[Any], seconds: float = 0) -> str:
        """Put a message into the table without telling the node: a lost bell."""
        row = inbox_row(self, counter(key), message, seconds)
        await self.store.send([row])
        return row.id

    def total(self, key: str) -> int:
        """What the database says."""
        state = self.store.database.state(counter(key))
        assert isinstance(state, CounterState)
        return state.total

    def metric(self, name: str, **labels: str) -> float:
        return self.runtime.metrics.get_sample_value(name, labels) or 0.0


def inbox_row(node: Node, ref: Ref, message: Message[Any], seconds: float) -> InboxRow:
    placement = Placement(SERVICES, {"counter": "tickets", "courier": "orders"})
    return InboxRow(
        id=node.ids.new(),
        partition=placement.partition(ref),
        kind=ref.kind,
        key=ref.key,
        message=wire_name(type(message)),
        body=encode(message),
        due_at=node.clock.now() + timedelta(seconds=seconds),
    )


def services(actors: Sequence[Actor[Any]], workers: Sequence[Worker]) -> list[Service]:
    return [
        Service(
            name=name,
            actors=[actor for actor in actors if actor.service == name],
            workers=[worker for worker in workers if worker.service == name],
        )
        for name in SERVICES
    ]


def prepared(
    data: MemoryDatabase | None = None,
    *,
    actor: Counter | None = None,
    courier: Worker | None = None,
) -> Node:
    """A node that has not been started."""
    clock = SimulatedClock()
    data = data or database()
    ids = Ids(clock, seed=1 + len(data.leases))  # Each node of one database has ids of its own.
    store = CountingStore(data, clock, ids)
    runtime = Runtime(
        services([actor or Counter()], [courier or Courier()]), store=store, clock=clock, ids=ids
    )
    return Node(runtime, store, clock, ids)


@asynccontextmanager
async def counters(
    data: MemoryDatabase | None = None,
    *,
    actor: Counter | None = None,
    courier: Worker | None = None,
) -> AsyncIterator[Node]:
    """A node from start to drain."""
    node = prepared(data, actor=actor, courier=courier)
    await node.runtime.start()
    try:
        yield node
    finally:
        await node.runtime.stop()


async def outcome(node: Node, key: str, message: Any, **kwargs: Any) -> Any:
    """The reply, or the type of what it failed with."""
    try:
        return await node.ask(key, message, **kwargs)
    except Exception as error:  # noqa: BLE001 - whichever it is
        return type(error)
