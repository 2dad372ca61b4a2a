"""The runtime: services of actors and workers on one store, from start to drain.

runtime = Runtime(services, store=store, clock=clock)
await runtime.start()
reservation = await runtime.ask(tickets.ticket(id), tickets.Reserve(...))
await runtime.stop()
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry

from actors.activation import Activation
from actors.bus import Bus, LocalBus
from actors.clock import Clock, Ids, SystemClock
from actors.directory import Directory
from actors.errors import (
    OverloadedError,
    StoreUnavailableError,
    UnavailableError,
)
from actors.gatherer import Gatherer
from actors.graph import check_ask_graph, check_totality
from actors.inspection import Inspector
from actors.mailbox import AskId, Envelope
from actors.message import Message, State, decode_message
from actors.node import Node
from actors.observer import Observer
from actors.placement import Placement
from actors.pool import WorkerPool
from actors.ref import Ref
from actors.replies import Replies
from actors.service import Service
from actors.store import InboxRow, Store
from actors.supervisor import ServiceHealth, Supervisor
from actors.tasks import Tasks
from actors.telemetry import Telemetry
from actors.timers import Timers
from actors.tracing import Tracer
from actors.turn import Sending
from actors.writer import Writer

__all__ = ["Runtime"]

log = structlog.get_logger("actors.runtime")

R = TypeVar("R")
K = TypeVar("K")
V = TypeVar("V")

# How long an ask from outside may take, all in all, unless its caller says otherwise.
ASK_SECONDS = 10.0
# A quarter of the lease (cluster.md): two lost heartbeats do not cost the node its life.
HEARTBEAT_SECONDS = 1.5
# What is still running when the time is up is left to the next process; it loses nothing.
DRAIN_SECONDS = 10.0


class Runtime:
    """One node. *services* are all of the deployment, in the order their partitions are stored."""

    def __init__(
        self,
        services: Sequence[Service],
        *,
        store: Store,
        clock: Clock | None = None,
        ids: Ids | None = None,
        bus: Bus | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        check_totality(services)
        check_ask_graph(services)
        self.clock: Clock = clock or SystemClock()
        self.ids = ids or Ids(self.clock)
        self.bus: Bus = bus or LocalBus()
        self.store = store
        self.tracer = tracer
        """Who is told of all work, if anybody wants traces."""
        self.is_ready = False
        self.node_id = ""
        """What this node is called in the cluster, once it has joined."""
        self.failed = asyncio.Event()
        """Set when this node cannot go on: it was declared dead, or a part of it stopped."""
        self._services = services
        self._telemetry = Telemetry()
        self._tasks = Tasks(self._task_failed)
        self._accepting = False
        self._is_draining = False
        self._parks = {each.kind: each.parks for service in services for each in service.members}
        self._replies = Replies(self.clock)
        self._node = self._build(services)
        self._directory = Directory(
            self._node, {actor.kind: actor for service in services for actor in service.actors}
        )
        self._pools = {
            worker.kind: WorkerPool(worker, self._node)
            for service in services
            for worker in service.workers
        }

        self.inspector = Inspector(self._node, self._directory, self._pools)
        self._telemetry.show(
            services=[service.name for service in services],
            pools=self._pools,
            is_ready=lambda: self.is_ready,
            is_store_available=lambda: self._node.writer.is_available,
        )

    @property
    def metrics(self) -> CollectorRegistry:
        """The runtime's Prometheus metrics."""
        return self._telemetry.registry

    def lagged(self, seconds: float) -> None:
        """Count that the event loop came *seconds* late (see `Watchdog`)."""
        self._telemetry.lagged(seconds)

    @property
    def health(self) -> list[ServiceHealth]:
        """How the services are doing."""
        return [supervisor.health for supervisor in self._node.supervisors.values()]

    @property
    def resident(self) -> Mapping[Ref, Activation]:
        """The actors in memory; to be looked at, not to be touched."""
        return self._directory.live

    def _build(self, services: Sequence[Service]) -> Node:
        kinds = {each.kind: service.name for service in services for each in service.members}
        names = [service.name for service in services]
        return Node(
            clock=self.clock,
            ids=self.ids,
            store=self.store,
            bus=self.bus,
            placement=Placement(names, kinds),
            telemetry=self._telemetry,
            tasks=self._tasks,
            writer=Writer(self.store, self.clock, self._telemetry),
            timers=Timers(self.store, self.clock, self._telemetry, self._deliver),
            loader=Gatherer(self.store.load, self._tasks, self.clock),
            supervisors={
                name: Supervisor(name, self.clock, self.ids.dice, self._telemetry) for name in names
            },
            observer=Observer(self.clock),
            services=kinds,
            ask=self._ask_within,
            tracer=self.tracer,
        )

    def gatherer(self, read: Callable[[list[K]], Awaitable[Mapping[K, V]]]) -> Gatherer[K, V]:
        """A way to have many small reads done by *read* as few large ones."""
        return Gatherer(read, self._tasks, self.clock)

    async def start(self) -> None:
        """Join the cluster, take the partitions over and know every timer that is due soon."""
        joined = await self.store.join([service.name for service in self._services])
        self.node_id = joined.node
        self._node.placement.epochs = joined.epochs
        await self._beat()
        if self.failed.is_set():
            raise UnavailableError("This node was declared dead while it started")
        self._tasks.start(self._heartbeats(), "heartbeats")
        self._tasks.start(self._node.writer.run(), "writer")
        await self._node.timers.load()
        self._accepting = True
        self._tasks.start(self._node.timers.run(), "timers")
        self._tasks.start(self._node.timers.keep_loaded(), "timers loader")
        self._tasks.start(self._directory.passivate_idle(), "passivation")
        self.is_ready = True
        log.info("runtime.started", node=joined.node, partitions=len(joined.epochs))

    async def stop(self) -> None:
        """Drain: finish what runs, accept nothing new, give the partitions up."""
        self._drain()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._directory.drained()
                for pool in self._pools.values():
                    await pool.drained()
                await self._node.writer.drained()
        except TimeoutError:
            log.warning("runtime.not_drained", seconds=DRAIN_SECONDS)
        await self._tasks.stop()
        self._replies.give_up()
        for service in self._services:
            for worker in service.workers:
                await worker.close()
        if not self.failed.is_set():
            await self._leave()

    def _drain(self) -> None:
        """From now on nothing new is accepted; durable messages wait for the next process."""
        self.is_ready = self._accepting = False
        self._is_draining = True
        for pool in self._pools.values():
            pool.shed()

    async def _leave(self) -> None:
        try:
            await self.store.leave()
        except StoreUnavailableError as error:  # Then the lease ends by itself.
            log.warning("runtime.not_left", why=str(error))

    async def abandon(self) -> None:
        """Stop as a crash would: nothing is finished, nothing is given up. For tests."""
        self._drain()
        await self._tasks.stop()

    async def ask(
        self,
        ref: Ref,
        message: Message[R],
        *,
        by: str | None = None,
        ask_id: AskId | None = None,
        fresh: bool = False,
        timeout: float = ASK_SECONDS,
    ) -> R:
        """Send *message* and wait for its reply; what the reply says is durable.

        *fresh* says that the key was made for this very ask, so that there is nothing to read.

        Raises:
            RefusalError: what the actor decided; nothing changed.
            ActorError: the machinery failed; `executed` says whether it may have happened.

        """
        if not self._accepting:
            raise UnavailableError("The service is starting or draining")
        deadline = self.clock.monotonic() + timeout
        reply: R = await self._send(ref, message, by, deadline, ask_id=ask_id, fresh=fresh)
        return reply

    def peek(self, ref: Ref) -> State | None:
        """What *ref* was at its last commit, if it is in memory here; wakes and asks nobody.

        As good as a reply given at this moment, for whoever can do without the actor's decision.
        """
        if not self._accepting or not self._node.writer.is_available:
            return None
        activation = self._directory.live.get(ref)
        return None if activation is None else activation.state

    async def tell(
        self, ref: Ref, message: Message[Any], *, by: str | None = None, name: str | None = None
    ) -> None:
        """Send *message* durably and do not wait for it to be handled."""
        row = self._node.row(Sending(ref, message, name, self.clock.now()), by)
        if self._accepting:
            await self._node.send(row)
        else:
            await self.store.send([row])

    async def replay_parked(self, row_id: str) -> bool:
        """Have a parked message tried again, now and from the beginning; False if there is none."""
        row = await self.store.replay(row_id)
        if row is None:
            return False
        if self._accepting and self._node.placement.epoch(row.partition) is not None:
            self._node.timers.found(row)
        return True

    async def _ask_within(
        self, ref: Ref, message: Message[Any], by: str | None, deadline: float
    ) -> Any:
        """An actor's ask: part of a turn that runs, so it is let through while draining."""
        return await self._send(ref, message, by, deadline)

    async def _send(
        self,
        ref: Ref,
        message: Message[Any],
        by: str | None,
        deadline: float,
        *,
        ask_id: AskId | None = None,
        fresh: bool = False,
    ) -> Any:
        if not self._node.writer.is_available:
            raise UnavailableError("The service is without its store")
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        envelope = Envelope(ref, message, by=by, deadline=deadline, reply=reply, ask_id=ask_id)
        try:
            self._put(envelope, fresh=fresh)
        except OverloadedError:
            self._telemetry.refused.labels(kind=ref.kind).inc()
            raise
        try:
            return await self._replies.wait(reply, deadline)
        finally:
            del reply, envelope  # A reply that is an error would lead back to this very frame.

    def _put(self, envelope: Envelope, *, fresh: bool = False) -> None:
        pool = self._pools.get(envelope.ref.kind)
        if pool is not None:
            pool.put(envelope)
        else:
            self._directory.put(envelope, fresh=fresh)

    def _deliver(self, row: InboxRow) -> None:
        """A durable message is due: put it where it belongs."""
        if self._is_draining or row.kind not in self._node.services:
            return  # It waits in the inbox for the next process, or for a newer release.
        try:
            message = decode_message(row.message, row.body)
        except (LookupError, ValueError) as error:
            self._tasks.start(
                self._node.set_aside(row, error, parks=self._parks[row.kind]),
                f"set aside {row.message}",
            )
            return
        self._put(Envelope(row.ref, message, by=row.by, row=row))

    async def _beat(self) -> None:
        sent = self.clock.now()
        now = await self.store.heartbeat()
        if now is None:
            log.critical("node.dead", why="another node declared this one dead")
            self._drain()
            self.failed.set()
        elif isinstance(self.clock, SystemClock):
            self._set_clock(self.clock, sent, now)

    @staticmethod
    def _set_clock(clock: SystemClock, sent: datetime, now: datetime) -> None:
        """The store said *now* to a question of *sent*; when in between, nobody knows.

        Only what is certainly wrong is set right: after a pause of the store the answer is seconds
        late, and to take the middle would be to run ahead of it, and timers early.
        """
        received = clock.now()
        if not sent <= now <= received:
            clock.offset += now - (sent + (received - sent) / 2)

    async def _heartbeats(self) -> None:
        while not self.failed.is_set():
            await self.clock.sleep(HEARTBEAT_SECONDS)
            try:
                await self._beat()
            except UnavailableError as error:
                log.warning("heartbeat.failed", why=str(error))

    def _task_failed(self, name: str, _error: BaseException) -> None:
        """A part of the runtime stopped that never should: better a restart than a lame node."""
        log.critical("runtime.failed", task=name)
        self._drain()
        self.failed.set()
