"""Builds the services: the only place that knows every actor class.

    async with running(settings, database) as running_system: ...

`build` makes a runtime on any store (the simulator uses the one in memory); `open_store` and
`running` are for the real thing.
"""

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
    Runtime,
    Service,
    State,
    SystemClock,
    Worker,
)
from actors.placement import Placement
from actors.postgres import PostgresStore
from actors.tracing import Tracer
from ticketing import expiration, topics, tracing
from ticketing.audit.actor import Audit
from ticketing.audit.entry import Entry
from ticketing.auth.actor import Account
from ticketing.auth.argon2 import Argon2
from ticketing.auth.worker import Hasher
from ticketing.events.actor import Event
from ticketing.expiration.actor import LOOK_TIMER, Watch
from ticketing.expiration.worker import Sweeper
from ticketing.orders.actor import Order
from ticketing.payments import messages as payments
from ticketing.payments.actor import Payment
from ticketing.payments.ledger import Movement
from ticketing.payments.reconciler import LOOK_TIMER as RECONCILE_TIMER
from ticketing.payments.reconciler import Reconciler
from ticketing.payments.transport import StripeTransport
from ticketing.payments.worker import Teller
from ticketing.reads import Reads
from ticketing.settings import Settings
from ticketing.tickets.actor import Ticket
from ticketing.vault import Vault

__all__ = [
    "SERVICES",
    "STATE_TYPES",
    "TABLES",
    "System",
    "actors",
    "open_store",
    "placement",
    "running",
]

# In the order their partitions are stored (migration 0001).
SERVICES: Final = ("auth", "tickets", "orders", "expiration", "payments")

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


def open_store(dsn: str, ids: Ids, *, exclusive: bool) -> PostgresStore:
    """The store of this deployment; connect it with `open`."""
    return PostgresStore(
        dsn,
        state_types=STATE_TYPES,
        tables=TABLES,
        appended=[Movement, Entry],
        ids=ids,
        exclusive=exclusive,
    )


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    dsn: str,
    stripe_base: str | None,
    exclusive: bool,
    clock: Clock | None = None,
    tracer: Tracer | None = None,
) -> AsyncIterator[System]:
    """All services, running on the database at *dsn*, from start to drain.

    *stripe_base* is where the payment provider's API is, if it is not Stripe's own. *exclusive*:
    no other node can be alive, so do not wait for leases to end. *tracer* is told of all work.
    """
    clock = clock or SystemClock()
    ids = Ids(clock)
    store = open_store(dsn, ids, exclusive=exclusive)
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
        runtime = Runtime(
            services(actors(settings), workers),
            store=store,
            clock=clock,
            ids=ids,
            bus=LocalBus(topics.topics_of),
            tracer=tracer,
        )
        runtime.metrics.register(teller.alarm.gauge)
        runtime.metrics.register(teller.alarm.refunds_failed)
        await begin_watches(runtime)
        await begin_reconciling(runtime)
        await runtime.start()
        try:
            yield System(runtime=runtime, store=store, settings=settings)
        finally:
            await runtime.stop()
    finally:
        await store.close()


async def begin_watches(runtime: Runtime) -> None:
    """Have every watch look around; the first look sets the timer of the next.

    Done before the runtime starts, so that no look of the process before is under way.
    """
    for number in range(expiration.WATCHES):
        await runtime.tell(expiration.watch(number), expiration.Look(), name=LOOK_TIMER)


async def begin_reconciling(runtime: Runtime) -> None:
    """Have the provider's events read from where they were read last."""
    await runtime.tell(payments.reconciler(), payments.LookAround(), name=RECONCILE_TIMER)
