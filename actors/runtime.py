"""The runtime: services of actors and workers on one store, from start to drain.

runtime = Runtime(services, store=store, clock=clock)
await runtime.start()
reservation = await runtime.ask(tickets.ticket(id), tickets.Reserve(...))
await runtime.stop()
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry

from actors.activation import Activation
from actors.bus import Bus, LocalBus
from actors.clock import Clock, Ids, SystemClock
from actors.delivery import Delivery
from actors.directory import Directory
from actors.errors import StoreUnavailableError, UnavailableError
from actors.gatherer import Gatherer
from actors.graph import check_ask_graph, check_totality
from actors.inspection import Inspector
from actors.lease import Lease, Timing
from actors.link import Link
from actors.mailbox import AskId, Envelope
from actors.membership import Membership
from actors.message import Message, State
from actors.node import Node
from actors.observer import Observer
from actors.placement import Placement
from actors.pool import WorkerPool
from actors.ref import Ref
from actors.routes import Routes
from actors.service import Service
from actors.store import InboxRow, Owner, Store
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
# What is still running when the time is up is left to the next process; it loses nothing.
DRAIN_SECONDS = 10.0


class Runtime:
    """One node. *services* are all of the deployment, in the order their partitions are stored.

    *link* is the line to other nodes; without one there are none. *runs* names the services whose
    partitions this node takes a share of: all, if it is not given. *timing* is that of the store.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        store: Store,
        clock: Clock | None = None,
        ids: Ids | None = None,
        bus: Bus | None = None,
        link: Link | None = None,
        runs: Sequence[str] | None = None,
        timing: Timing = Timing(),  # noqa: B008 - a tuple of numbers
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
        self.node_id = store.node
        """What this node is called in the cluster."""
        self.failed = asyncio.Event()
        """Set when this node cannot go on: it was declared dead, or a part of it stopped."""
        self._services = services
        self._telemetry = Telemetry()
        self._tasks = Tasks(self._task_failed)
        self._accepting = False
        self._link = link
        self._node = self._build(services, Lease(self.clock, timing))
        self._directory = Directory(
            self._node, {actor.kind: actor for service in services for actor in service.actors}
        )
        self._pools = {
            worker.kind: WorkerPool(worker, self._node)
            for service in services
            for worker in service.workers
        }
        routes = Routes(self.clock, self._owners)
        self._delivery = Delivery(
            self._node, self._directory, self._pools, routes=routes, link=link
        )
        names = [service.name for service in services]
        self._membership = Membership(
            self._node,
            self._delivery,
            routes,
            services=names if runs is None else runs,
            timing=timing,
            link=link,
            on_dead=self._died,
            on_missed=self.bus.lost,
        )
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

    def _build(self, services: Sequence[Service], lease: Lease) -> Node:
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
            ring=self._ring,
            lease=lease,
            tracer=self.tracer,
        )

    def gatherer(self, read: Callable[[list[K]], Awaitable[Mapping[K, V]]]) -> Gatherer[K, V]:
        """A way to have many small reads done by *read* as few large ones."""
        return Gatherer(read, self._tasks, self.clock)

    async def start(self) -> None:
        """Join the cluster, own a share of the partitions, know every timer that is due soon."""
        if self._link is not None:
            await self._link.open()
        await self._membership.join()
        self._tasks.start(self._membership.heartbeats(), "heartbeats")
        self._tasks.start(self._node.writer.run(), "writer")
        await self._membership.settle()
        if self.failed.is_set():
            raise UnavailableError("This node was declared dead while it started")
        await self._node.timers.load()
        self._accepting = True
        if self._link is not None:
            self._tasks.start(self._membership.run(), "membership")
        self._tasks.start(self._node.timers.run(), "timers")
        self._tasks.start(self._node.timers.keep_loaded(), "timers loader")
        self._tasks.start(self._directory.passivate_idle(), "passivation")
        self.is_ready = True
        log.info("runtime.started", node=self.node_id, partitions=len(self._node.placement.epochs))

    async def hand_over(self) -> None:
        """Give what this node owns to others, as long as it still answers; then `stop` it."""
        self.is_ready = False
        try:
            await self._membership.hand_over_all()
        except StoreUnavailableError as error:  # Then they take it when the lease has ended.
            log.warning("runtime.not_handed_over", why=str(error))

    async def stop(self) -> None:
        """Drain: finish what runs, accept nothing new, give the partitions up."""
        self._drain()
        if not self.failed.is_set():  # Else whoever is next should not have to wait for us.
            await self._drained()
        await self._tasks.stop()
        self._delivery.replies.give_up()
        for service in self._services:
            for worker in service.workers:
                await worker.close()
        await self._leave()
        if self._link is not None:
            await self._link.close()

    async def _drained(self) -> None:
        """Returns when nothing runs any more, or it has taken too long."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._directory.drained()
                for pool in self._pools.values():
                    await pool.drained()
                await self._node.writer.drained()
        except TimeoutError:
            log.warning("runtime.not_drained", seconds=DRAIN_SECONDS)

    def _drain(self) -> None:
        """From now on nothing new is accepted; durable messages wait for the next process."""
        self.is_ready = self._accepting = False
        self._delivery.is_draining = True
        for pool in self._pools.values():
            pool.shed()

    async def _leave(self) -> None:
        try:
            await self._membership.leave()
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
        envelope = Envelope(ref, message, by=by, deadline=deadline, ask_id=ask_id)
        reply: R = await self._ask(envelope, fresh=fresh)
        return reply

    def peek(self, ref: Ref) -> State | None:
        """What *ref* was at its last commit, if it is in memory here; wakes and asks nobody.

        As good as a reply given at this moment, for whoever can do without the actor's decision.
        """
        if not (self._accepting and self._node.writer.is_available and self._node.lease.holds):
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
        if self._accepting:
            self._node.let_out(row)
        return True

    async def _ask_within(
        self, ref: Ref, message: Message[Any], by: str | None, deadline: float
    ) -> Any:
        """An actor's ask: part of a turn that runs, so it is let through while draining."""
        return await self._ask(Envelope(ref, message, by=by, deadline=deadline), inside=True)

    async def _ask(self, envelope: Envelope, *, fresh: bool = False, inside: bool = False) -> Any:
        if not self._node.writer.is_available:
            raise UnavailableError("The service is without its store")
        return await self._delivery.ask(envelope, fresh=fresh, inside=inside)

    def _died(self) -> None:
        """Others have declared this node dead: it owns nothing any more."""
        self._drain()
        self.failed.set()

    # The delivery stands on the node, which hands out what is to be delivered.

    def _deliver(self, row: InboxRow) -> None:
        self._delivery.deliver(row)

    def _ring(self, row: InboxRow) -> None:
        self._delivery.ring(row)

    async def _owners(self) -> Mapping[int, Owner]:
        return (await self.store.members()).owners

    def _task_failed(self, name: str, _error: BaseException) -> None:
        """A part of the runtime stopped that never should: better a restart than a lame node."""
        log.critical("runtime.failed", task=name)
        self._drain()
        self.failed.set()
