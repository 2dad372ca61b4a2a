"""Builds the services: the only place that knows every actor class.

    async with running(settings, database) as running_system: ...

`build` makes a runtime on any store (the simulator uses the one in memory); `open_store` and
`running` are for the real thing.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from actors import (
    Actor,
    Clock,
    Ids,
    LocalBus,
    Ref,
    Runtime,
    Service,
    State,
    SystemClock,
    UnavailableError,
    Worker,
)
from actors.lease import Timing
from actors.link import Link
from actors.linked_bus import LinkedBus
from actors.nats_link import NatsLink
from actors.placement import Placement
from actors.postgres import READ_SECONDS, PostgresStore
from actors.postgres_session import borrowed
from actors.remote_inspection import Nodes
from actors.tracing import Tracer
from ticketing import expiration, topics, tracing
from ticketing.audit.actor import Audit
from ticketing.audit.entry import Entry
from ticketing.auth.actor import Account
from ticketing.auth.argon2 import Argon2
from ticketing.auth.endings import Ending
from ticketing.auth.worker import Hasher
from ticketing.events.actor import Event
from ticketing.expiration.actor import LOOK_TIMER, Watch
from ticketing.expiration.worker import Sweeper
from ticketing.orders.actor import Order
from ticketing.payments import messages as payments
from ticketing.payments.actor import Payment
from ticketing.payments.alarm import unknown_captures
from ticketing.payments.ledger import Movement
from ticketing.payments.reconciler import LOOK_TIMER as RECONCILE_TIMER
from ticketing.payments.reconciler import Reconciler
from ticketing.payments.transport import StripeTransport
from ticketing.payments.worker import Teller
from ticketing.reads import Reads
from ticketing.roles import SERVICES
from ticketing.settings import Settings
from ticketing.starting import Starting
from ticketing.tickets.actor import Ticket
from ticketing.vault import Vault

__all__ = [
    "SERVICES",
    "STATE_TYPES",
    "TABLES",
    "System",
    "actors",
    "nodes_of",
    "open_store",
    "placement",
    "running",
]

# A server that is there greets within milliseconds; only then is it missed, and that is logged.
LINK_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.01

_CLASSES: Final[Sequence[type[Actor[Any]]]] = (
    Account, Audit, Event, Ticket, Order, Watch, Payment, Reconciler,
)  # fmt: skip
_WORKERS: Final[Sequence[type[Worker]]] = (Hasher, Sweeper, Teller)

STATE_TYPES: Final[Mapping[str, type[State]]] = {each.kind: each.state_type for each in _CLASSES}
TABLES: Final[Mapping[str, str]] = {each.kind: each.table for each in _CLASSES}


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Everything that runs behind the gateway."""

    runtime: Runtime
    store: PostgresStore
    settings: Settings
    nodes: Nodes
    """Looks into this process and all others."""
    link: Link | None = None
    """The line to other processes, if there may be any."""


def actors(settings: Settings) -> list[Actor[Any]]:
    """One of each kind of actor, as *settings* want them."""
    return [
        Account(),
        Audit(),
        Event(),
        Ticket(),
        Order(
            window=timedelta(seconds=settings.reservation_seconds),
            cooldown=settings.rate_limits,
        ),
        Watch(),
        Payment(attempts_max=settings.payment_attempts, fee_percent=settings.fee_percent),
        Reconciler(),
    ]


def services(members: Sequence[Actor[Any]], workers: Sequence[Worker]) -> list[Service]:
    """The service boundaries: actors and workers by the service they name."""
    return [
        Service(
            name=name,
            actors=[actor for actor in members if actor.service == name],
            workers=[worker for worker in workers if worker.service == name],
        )
        for name in SERVICES
    ]


def placement() -> Placement:
    """Where actors and workers live, for commands that run no actor themselves."""
    actors_in = {each.kind: each.service for each in _CLASSES}
    workers_in = {each.kind: each.service for each in _WORKERS}
    return Placement(SERVICES, actors_in | workers_in)


def open_store(
    dsn: str,
    ids: Ids,
    *,
    exclusive: bool,
    node: str = "",
    timing: Timing = Timing(),  # noqa: B008 - a tuple of numbers
) -> PostgresStore:
    """The store of this deployment; connect it with `open`. *node* is its name among the others."""
    return PostgresStore(
        dsn,
        state_types=STATE_TYPES,
        tables=TABLES,
        appended=[Movement, Entry, Ending],
        ids=ids,
        exclusive=exclusive,
        node=node,
        timing=timing,
    )


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    dsn: str,
    stripe_base: str | None,
    exclusive: bool,
    runs: Sequence[str] = SERVICES,
    starting: Starting | None = None,
    clock: Clock | None = None,
    tracer: Tracer | None = None,
) -> AsyncIterator[System]:
    """The services that this process *runs*, on the database at *dsn*, from start to drain.

    *stripe_base* is where the payment provider's API is, if it is not Stripe's own. *exclusive*:
    no other node can be alive, so do not wait for leases to end. *starting* waits for NATS, if the
    settings name it. *tracer* is told of all work.
    """
    clock = clock or SystemClock()
    ids = Ids(clock)
    timing = Timing.of(settings.lease_seconds)
    store = open_store(dsn, ids, exclusive=exclusive, node=settings.node_id, timing=timing)
    link = _Line(settings.nats_url, starting or Starting()) if settings.nats_url else None
    await store.open()
    try:
        transport = StripeTransport(
            key=settings.stripe_key or "sk_test_sandbox",
            api_base=stripe_base,
            around=tracing.around_calls(tracer),
        )
        teller = Teller(
            transport, vault=Vault(settings.data_keys), reads=Reads(store.pool), clock=clock
        )
        workers = [Hasher(Argon2()), Sweeper(store.pool), teller]
        bus = _bus(link, store.node, clock)
        runtime = Runtime(
            services(actors(settings), workers),
            store=store,
            clock=clock,
            ids=ids,
            bus=bus,
            link=link,
            runs=runs,
            timing=timing,
            tracer=tracer,
        )
        runtime.metrics.register(teller.alarm.gauge)
        runtime.metrics.register(teller.alarm.refunds_failed)
        try:
            async with _open(bus):
                if "expiration" in runs:
                    await begin_watches(runtime, store, link)
                if "payments" in runs:
                    await begin_reconciling(runtime, store, link)
                await runtime.start()
                nodes = nodes_of(runtime, services=runs, link=link)
                await nodes.open()
                yield System(
                    runtime=runtime, store=store, settings=settings, nodes=nodes, link=link
                )
        finally:
            await runtime.stop()
    finally:
        await store.close()


class _Line(NatsLink):
    """A line that is there when it has been opened.

    A node must not own anything before: what it owned, nobody could ask it for.
    """

    def __init__(self, url: str, starting: Starting) -> None:
        super().__init__(url)
        self._starting = starting

    async def open(self) -> None:
        await super().open()
        await self._starting.until_there("NATS", self._up)

    async def _up(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + LINK_SECONDS
        while not self.is_up:
            if loop.time() >= until:
                raise UnavailableError("NATS does not answer")
            await asyncio.sleep(LOOK_SECONDS)


def nodes_of(runtime: Runtime, *, services: Sequence[str], link: Link | None) -> Nodes:
    """What an operator sees of all nodes, from this one that runs *services*."""
    nodes = Nodes(
        runtime.inspector,
        placement(),
        runtime.clock,
        node=runtime.node_id,
        services=services,
        members=runtime.store.members,
        link=link,
    )
    nodes.count(lambda: {"unknown": unknown_captures(runtime.metrics)})
    return nodes


def _bus(link: Link | None, node: str, clock: Clock) -> LocalBus:
    """What tells of changes: here, and to other processes if there are any."""
    if link is None:
        return LocalBus(topics.topics_of)
    return LinkedBus(
        topics.topics_of, link, node, clock=clock, state_types=STATE_TYPES, shown=topics.shown
    )


@asynccontextmanager
async def _open(bus: LocalBus) -> AsyncIterator[None]:
    """*bus* hears the others while the context lasts, and says goodbye: so before the link ends."""
    if not isinstance(bus, LinkedBus):
        yield
        return
    await bus.open()
    try:
        yield
    finally:
        await bus.close()


async def begin_watches(runtime: Runtime, store: PostgresStore, link: Link | None) -> None:
    """Have every watch look around; each look sets the timer of the next."""
    refs = [expiration.watch(number) for number in range(expiration.WATCHES)]
    for ref in await _to_begin(refs, LOOK_TIMER, store, link):
        await runtime.tell(ref, expiration.Look(), name=LOOK_TIMER)


async def begin_reconciling(runtime: Runtime, store: PostgresStore, link: Link | None) -> None:
    """Have the provider's events read from where they were read last."""
    for ref in await _to_begin([payments.reconciler()], RECONCILE_TIMER, store, link):
        await runtime.tell(ref, payments.LookAround(), name=RECONCILE_TIMER)


async def _to_begin(
    refs: Sequence[Ref], timer: str, store: PostgresStore, link: Link | None
) -> list[Ref]:
    """Those of *refs* that are to look around now.

    That is all of them if nobody else is there: before the runtime starts no look is under way.
    Where there are others, one may be, and whose *timer* is set will look without us.
    """
    if link is None:
        return [*refs]
    async with borrowed(store.pool, READ_SECONDS) as connection:
        keys = [ref.key for ref in refs]
        rows = await connection.fetch(_SET, refs[0].kind, keys, timer)
    is_set = {row["key"] for row in rows}
    return [ref for ref in refs if ref.key not in is_set]


_SET = "select key from inbox where kind = $1 and key = any($2::text[]) and name = $3"
