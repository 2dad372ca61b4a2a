"""`ticketing serve`: everything that one process does, in order, and in reverse order down again.

Up: probes, database, migrations, payment sandbox, services, gateway. On SIGTERM or SIGINT what this
process owns is handed over, the gateway stops taking requests, what runs is finished, the database
stops; a second signal ends the process at once. A kill -9 loses nothing: that is what the store is
for.

From its first moment on a process answers /livez and /readyz, so that whoever looks after it sees
what it waits for. Only one that shares its address with others keeps silent until it can serve.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

import asyncpg
import structlog
from aiohttp import web

from actors import Ids, SystemClock
from actors.watchdog import Watchdog
from migrations import migrate
from ticketing import bootstrap, database, roles, sandbox_process, tracing
from ticketing.fsck.rounds import Rounds
from ticketing.reads import Reads
from ticketing.roles import Roles
from ticketing.settings import Settings
from ticketing.settings_values import origin_of
from ticketing.starting import Starting, StoppedError
from web.app import create_app
from web.gateway import Gateway
from web.probes import Probes
from web.readiness import Readiness
from web.server import bind, listening

__all__ = ["Standing", "apply_migrations", "at", "on_signals", "serve", "standing", "told_ready"]

log = structlog.get_logger("ticketing.serve")

FAILED: Final = 1

# Where others go on: whoever asks more often than this has gone to them when we close connections.
PARTING_SECONDS: Final = 2.0

# New objects between two looks at the youngest; the default, 700, is a few requests.
COLLECT_AFTER: Final = 50_000


async def serve(settings: Settings, does: Roles = roles.ALL, *, shared: bool = False) -> int:
    """Serve until told to stop; the exit status. For *does* and *shared* see `standing`."""
    stop = on_signals()
    calm_collector(has_actors=bool(does.services))
    try:
        async with standing(settings, does, shared=shared, stop=stop) as server:
            runtime = server.system.runtime
            watchdog = Watchdog(lagged=runtime.lagged)
            told_ready(server.url)
            watchdog.start()
            try:
                status = await _until_stopped(stop, server.system, server.gone)
                if status == 0:
                    await runtime.hand_over()
                return status
            finally:
                watchdog.stop()
                runtime.is_ready = False
    except StoppedError:
        return 0


class Standing(NamedTuple):
    """A server that accepts requests."""

    url: str
    system: bootstrap.System
    gone: asyncio.Event
    """Set when its database is gone for good."""


@asynccontextmanager
async def standing(
    settings: Settings,
    does: Roles = roles.ALL,
    *,
    shared: bool = False,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[Standing]:
    """A process with the roles *does*, up and answering, while the context lasts.

    If *shared*, others listen at the same address, and this one does not before it can serve.

    Raises:
        StoppedError: *stop* was set before the start was over.

    """
    # Taken before anything else: a port in use is then told at once, and 0 is known in time.
    with bind(settings.host, settings.port, shared=shared) as bound:
        settings = at(bound, settings)
        starting = Starting(stop)
        probes = Probes(settings, Ids(SystemClock()), lambda: starting.why)
        async with (
            AsyncExitStack() as early,
            database.for_serving(settings, lambda line: log.info("database", note=line)) as found,
            _provider(settings, does, bound) as stripe_base,
            tracing.tracer_for(settings) as tracer,
        ):
            if not shared:
                # A second descriptor of the socket, so that the gateway goes on where this ends.
                await early.enter_async_context(listening(probes.app(), bound.dup()))
            await apply_migrations(settings, found.dsn, starting)
            running = partial(
                bootstrap.running, dsn=found.dsn, stripe_base=stripe_base,
                exclusive=found.exclusive, runs=does.services, tracer=tracer, starting=starting,
            )  # fmt: skip
            async with _system(settings, starting, running) as system, _rounds(system, does):
                app = _app(system, does, probes, stripe_base, shared=shared)
                parting = PARTING_SECONDS if system.link is not None else 0.0
                async with listening(app, bound, parting_seconds=parting):
                    await early.aclose()
                    url = origin_of("http", settings.host, settings.port)
                    yield Standing(url, system, found.gone)


def _rounds(system: bootstrap.System, does: Roles) -> AbstractAsyncContextManager[None]:
    """The system checks itself, where deadlines are looked after."""
    if "expiration" not in does.services:
        return nullcontext()
    rounds = Rounds(system.store.pool, system.runtime.clock)
    for metric in rounds.metrics:
        system.runtime.metrics.register(metric)
    return rounds.going_on()


def told_ready(url: str) -> None:
    """Tell on standard output that requests are accepted at *url*."""
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()


def calm_collector(*, has_actors: bool = True) -> None:
    """Have the garbage collector look seldom at what is here to stay.

    A hundred thousand actors are a million objects; by default they would all be looked through
    again and again, for cycles that actors hardly make. A gateway has few objects that stay, and
    makes cycles: a connection that ended, an error with the frames that it came through.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 100 if has_actors else 2)


def at(bound: socket.socket, settings: Settings) -> Settings:
    """*settings* with the port that *bound* has: the public URL, and so the cookies, need it."""
    port = bound.getsockname()[1]
    default_url = settings.public_url == origin_of("http", settings.host, settings.port)
    public_url = "" if default_url else settings.public_url
    return replace(settings, port=port, public_url=public_url)


async def apply_migrations(settings: Settings, dsn: str, starting: Starting) -> None:
    """Bring the database at *dsn* up to date, as soon as it is there.

    Raises:
        SettingsError: what it is asked to keep it may lose (`database.refuse_unless_durable`).

    """

    async def attempt() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await database.refuse_unless_durable(connection, settings)
            for name in await migrate(connection):
                log.info("migration.applied", name=name)
        finally:
            await connection.close()

    await starting.until_there("the database", attempt)


@asynccontextmanager
async def _system(
    settings: Settings,
    starting: Starting,
    running: Callable[[Settings], AbstractAsyncContextManager[bootstrap.System]],
) -> AsyncIterator[bootstrap.System]:
    """What runs behind the gateway, once the database lets it start."""
    # A name is for one start: should that fail half-way, the next attempt makes one up.
    names = iter([settings.node_id])
    async with AsyncExitStack() as stack:

        async def attempt() -> bootstrap.System:
            named = replace(settings, node_id=next(names, ""))
            return await stack.enter_async_context(running(named))

        yield await starting.until_there("the database", attempt)


def _app(
    system: bootstrap.System, does: Roles, probes: Probes, stripe_base: str | None, *, shared: bool
) -> web.Application:
    """What answers from now on: the gateway, or no more than probes."""
    runtime, reads, link = system.runtime, Reads(system.store.pool), system.link
    if does.has_gateway:
        return create_app(
            Gateway.of(
                runtime,
                reads,
                system.settings,
                stripe_base=stripe_base,
                link=link,
                nodes=system.nodes,
                shares_port=shared,
            )
        )
    probes.running(Readiness(runtime=runtime, reads=reads, link=link))
    return probes.app()


@asynccontextmanager
async def _provider(
    settings: Settings, does: Roles, bound: socket.socket
) -> AsyncIterator[str | None]:
    """Where the payment provider is; for who needs it."""
    if not does.needs_provider:
        yield None
        return
    async with sandbox_process.beside(settings, sandbox_process.reached_at(bound)) as stripe_base:
        yield stripe_base


async def _until_stopped(stop: asyncio.Event, system: bootstrap.System, gone: asyncio.Event) -> int:
    """0 when told to stop, 1 when the runtime cannot go on or its database is *gone* for good."""
    waiting = [
        asyncio.ensure_future(each.wait())  # noqa: TID251 - above the runtime, not in it
        for each in (stop, system.runtime.failed, gone)
    ]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    if system.runtime.failed.is_set():
        log.critical("serve.failed", why="the runtime stopped; see above")
        return FAILED
    if gone.is_set():
        log.critical("serve.failed", why="the database is gone; see above")
        return FAILED
    log.info("serve.stopping")
    return 0


def on_signals() -> asyncio.Event:
    """An event for the first signal; the second ends the process where it stands."""
    stop = asyncio.Event()

    def stop_or_exit() -> None:
        if stop.is_set():
            os._exit(FAILED)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_or_exit)
    return stop
