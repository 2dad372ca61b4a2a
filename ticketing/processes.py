"""`ticketing serve --processes N`: a parent, and N processes that serve at one address.

The parent has what there is only one of: the embedded PostgreSQL and nats-server, the payment
sandbox, the migrations. It serves nobody itself, but answers probes while no child can. The
children are `ticketing serve` on the same settings; they share the port, and all they need to know
beyond that comes by the environment.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog

from actors import Ids, SystemClock, UnavailableError
from actors.lease import Timing
from actors.postgres import PostgresStore
from ticketing import bootstrap, database, sandbox_process
from ticketing.child import Child
from ticketing.database import Database
from ticketing.embedded.nats import EmbeddedNats
from ticketing.roles import Roles
from ticketing.serve import apply_migrations, at, on_signals, told_ready
from ticketing.settings import Settings
from ticketing.settings_values import origin_of
from ticketing.starting import Starting, StoppedError
from web.probes import Probes
from web.server import bind, listening

__all__ = ["serve"]

log = structlog.get_logger("ticketing.processes")

FAILED: Final = 1
REFUSED: Final = 2


async def serve(settings: Settings, does: Roles, count: int) -> int:
    """Serve with *count* processes, each with the roles *does*, until told to stop; exit status."""
    stop = on_signals()
    try:
        return await _serve(settings, does, count, stop)
    except StoppedError:
        return 0


async def _serve(settings: Settings, does: Roles, count: int, stop: asyncio.Event) -> int:
    # Asked for alone first: another server there would otherwise be given half of our requests.
    with bind(settings.host, settings.port) as alone:
        settings = at(alone, settings)
    starting = Starting(stop)
    ids = Ids(SystemClock())
    async with AsyncExitStack() as below:
        # Nobody listens on it: it keeps the port ours while no child has it.
        reserved = below.enter_context(bind(settings.host, settings.port, shared=True))
        stopgap = Stopgap(settings, Probes(settings, ids, lambda: starting.why))
        below.push_async_callback(stopgap.close)
        await stopgap.open()
        found = await below.enter_async_context(
            database.for_serving(settings, _note, processes=count)
        )
        stripe_base = await below.enter_async_context(
            sandbox_process.beside(settings, sandbox_process.reached_at(reserved))
        )
        nats_url = await below.enter_async_context(_nats(settings))
        await apply_migrations(settings, found.dsn, starting)
        registry = await below.enter_async_context(_registry(settings, found, ids, starting))
        environment = _environment(settings, found.dsn, nats_url, stripe_base)
        family = Family(count, does, environment, ids, registry)
        return await family.serve(settings, stopgap, stop, found.gone)


class Stopgap:
    """Answers at the address while none of the children can."""

    def __init__(self, settings: Settings, probes: Probes) -> None:
        self._settings = settings
        self._probes = probes
        self._open: AsyncExitStack | None = None

    async def open(self) -> None:
        if self._open is None:
            self._open = AsyncExitStack()
            bound = bind(self._settings.host, self._settings.port, shared=True)
            await self._open.enter_async_context(listening(self._probes.app(), bound))

    async def close(self) -> None:
        if self._open is not None:
            was, self._open = self._open, None
            await was.aclose()


class Family:
    """The children, from the first start to the last end."""

    def __init__(
        self,
        count: int,
        does: Roles,
        environment: Mapping[str, str],
        ids: Ids,
        registry: PostgresStore,
    ) -> None:
        self._changed = asyncio.Event()
        self._refused = asyncio.Event()
        self._registry = registry
        self._children = [
            Child(
                ("serve", "--services", str(does), "--shared-port"), environment,
                name=ids.new, bury=self._bury, changed=self._changed.set,
                refused=self._refused.set,
            )
            for _ in range(count)
        ]  # fmt: skip

    async def serve(
        self, settings: Settings, stopgap: Stopgap, stop: asyncio.Event, gone: asyncio.Event
    ) -> int:
        """Keep all children running until *stop*; the exit status of the whole."""
        url = origin_of("http", settings.host, settings.port)
        async with asyncio.TaskGroup() as tasks:
            keeping = [tasks.create_task(child.keep()) for child in self._children]
            attending = tasks.create_task(self._attend(stopgap, url))
            await _first(stop, gone, self._refused)
            attending.cancel()  # Whoever comes now is better told at once that nobody is here.
            if stop.is_set():
                log.info("serve.stopping")
            await asyncio.gather(*(child.stop() for child in self._children))
            for each in keeping:
                each.cancel()
        if stop.is_set():
            return 0
        if self._refused.is_set():
            return REFUSED
        log.critical("serve.failed", why="the database is gone; see above")
        return FAILED

    async def _attend(self, stopgap: Stopgap, url: str) -> None:
        """Say once that all are ready, and stand in whenever none is."""
        is_told = False
        while True:
            self._changed.clear()
            ready = [child.is_ready for child in self._children]
            if any(ready):
                await stopgap.close()
            else:
                await stopgap.open()
            if all(ready) and not is_told:
                is_told = True
                told_ready(url)
            await self._changed.wait()

    async def _bury(self, node: str) -> None:
        """Tell the others that *node* has ended: we have seen it."""
        try:
            await self._registry.declare_dead(node)
        except UnavailableError as error:  # Then its lease ends by itself.
            log.warning("child.not_buried", node=node, why=str(error))


async def _first(*events: asyncio.Event) -> None:
    """Return when one of *events* is set."""
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(each.wait()) for each in events]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()


@asynccontextmanager
async def _nats(settings: Settings) -> AsyncIterator[str]:
    """Where the children meet."""
    if settings.nats_url:
        yield settings.nats_url
        return
    async with await EmbeddedNats.open(
        settings.data_dir, log=_note, binary=settings.nats_binary
    ) as nats:
        yield nats.url


@asynccontextmanager
async def _registry(
    settings: Settings, found: Database, ids: Ids, starting: Starting
) -> AsyncIterator[PostgresStore]:
    """A store that belongs to no node, to say who is dead: at first, all who were here before."""

    async def attempt() -> PostgresStore:
        store = bootstrap.open_store(
            found.dsn, ids, exclusive=found.exclusive, timing=Timing.of(settings.lease_seconds)
        )
        try:
            await store.open()
            await store.bury()
        except BaseException:
            await store.close()
            raise
        return store

    store = await starting.until_there("the database", attempt)
    try:
        yield store
    finally:
        await store.close()


def _environment(
    settings: Settings, dsn: str, nats_url: str, stripe_base: str | None
) -> dict[str, str]:
    """The settings of a child: ours, and where to find what we have started for all of them."""
    environment = {
        **os.environ,
        "TICKETING_HOST": settings.host,
        "TICKETING_PORT": str(settings.port),
        "DATABASE_URL": dsn,
        "NATS_URL": nats_url,
    }
    if settings.has_own_sandbox and stripe_base is not None:
        environment["STRIPE_API_BASE"] = stripe_base
        environment["STRIPE_WEBHOOK_SECRETS"] = ",".join(settings.stripe_webhook_secrets)
    return environment


def _note(line: str) -> None:
    log.info("started_here", note=line)
