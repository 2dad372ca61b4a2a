"""`ticketing serve`: everything on one machine, in order, and in reverse order down again.

Up: database, migrations, payment sandbox, services, gateway. On SIGTERM or SIGINT the gateway stops
taking requests, what runs is finished, the services give their partitions up, the database stops;
a second signal ends the process at once. A kill -9 loses nothing: that is what the store is for.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final, NamedTuple

import asyncpg
import structlog

from actors.watchdog import Watchdog
from migrations import migrate
from ticketing import bootstrap, database, sandbox_process, tracing
from ticketing.reads import Reads
from ticketing.settings import Settings
from ticketing.settings_values import origin_of
from web.app import create_app
from web.gateway import Gateway
from web.server import bind, listening

__all__ = ["Standing", "serve", "standing"]

log = structlog.get_logger("ticketing.serve")

FAILED: Final = 1

# New objects between two looks at the youngest; the default, 700, is a few requests.
COLLECT_AFTER: Final = 50_000


async def serve(settings: Settings) -> int:
    """Serve until told to stop; the exit status."""
    stop = _on_signals()
    calm_collector()
    async with standing(settings) as server:
        watchdog = Watchdog(lagged=server.system.runtime.lagged)
        sys.stdout.write(f"ready {server.url}\n")
        sys.stdout.flush()
        watchdog.start()
        try:
            return await _until_stopped(stop, server.system, server.gone)
        finally:
            watchdog.stop()
            server.system.runtime.is_ready = False


class Standing(NamedTuple):
    """A server that accepts requests."""

    url: str
    system: bootstrap.System
    gone: asyncio.Event
    """Set when its database is gone for good."""


@asynccontextmanager
async def standing(settings: Settings) -> AsyncIterator[Standing]:
    """Everything, up and answering, while the context lasts."""
    # Taken before anything else: a port in use is then told at once, and 0 is known in time.
    bound = bind(settings.host, settings.port)
    settings = _at(bound, settings)
    async with (
        database.for_serving(settings, lambda line: log.info("database", note=line)) as found,
        sandbox_process.beside(settings, sandbox_process.reached_at(bound)) as stripe_base,
        tracing.tracer_for(settings) as tracer,
    ):
        await _migrate(found.dsn)
        async with bootstrap.running(
            settings,
            dsn=found.dsn,
            stripe_base=stripe_base,
            exclusive=found.exclusive,
            tracer=tracer,
        ) as system:
            reads = Reads(system.store.pool)
            gateway = Gateway.of(system.runtime, reads, settings, stripe_base=stripe_base)
            async with listening(create_app(gateway), bound) as port:
                yield Standing(origin_of("http", settings.host, port), system, found.gone)


def calm_collector() -> None:
    """Have the garbage collector look seldom at what is here to stay.

    A hundred thousand actors are a million objects; by default they would all be looked through
    again and again, for cycles that this program hardly makes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 100)


def _at(bound: socket.socket, settings: Settings) -> Settings:
    """*settings* with the port that *bound* has: the public URL, and so the cookies, need it."""
    port = bound.getsockname()[1]
    default_url = settings.public_url == origin_of("http", settings.host, settings.port)
    public_url = "" if default_url else settings.public_url
    return replace(settings, port=port, public_url=public_url)


async def _migrate(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for name in await migrate(connection):
            log.info("migration.applied", name=name)
    finally:
        await connection.close()


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


def _on_signals() -> asyncio.Event:
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
