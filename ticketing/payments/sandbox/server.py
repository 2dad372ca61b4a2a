"""The sandbox running: inside a test, or as a process of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from actors.clock import Clock, SystemClock
from ticketing.payments.sandbox.app import Sandbox, make_app
from ticketing.payments.sandbox.books import Books
from ticketing.payments.sandbox.webhooks import Webhooks

__all__ = ["LiveKeyError", "parent_gone", "refuse_live_keys", "running_sandbox"]

# Only this machine, unless one says otherwise: whoever reaches it can do all that it can do.
HOST: Final = "127.0.0.1"

# A connection that a test cut off must not hold the stop up; one that works needs far less.
STOP_SECONDS: Final = 2.0

# Where a parent's end cannot be waited for, how often it is looked for.
PARENT_POLL_SECONDS: Final = 0.5

_LIVE_KEYS: Final = ("sk_live_", "rk_live_", "pk_live_")


class LiveKeyError(Exception):
    """A live Stripe key is around: the sandbox does not start where real money might move."""


def refuse_live_keys(environment: Mapping[str, str]) -> None:
    """Look at every setting of Stripe's.

    Raises:
        LiveKeyError: one holds a live key. The key itself is not repeated.

    """
    for name, value in environment.items():
        if "STRIPE" in name and value.startswith(_LIVE_KEYS):
            raise LiveKeyError(f"{name}: expected a test key or none, got a live key")


@asynccontextmanager
async def running_sandbox(
    folder: Path,
    *,
    host: str = HOST,
    port: int = 0,
    clock: Clock | None = None,
    webhooks: Webhooks | None = None,
) -> AsyncIterator[str]:
    """A sandbox on *folder* for the length of the block; gives its base address.

    Port 0 takes a free one. *clock* is the machine's unless a test has its own. Without *webhooks*
    nobody is told of events, until `POST /_sandbox/webhooks` says whom to tell.

    Raises:
        LiveKeyError: see `refuse_live_keys`.
        BooksError: the folder is in use or unreadable.
        OSError: the port is taken.

    """
    refuse_live_keys(os.environ)
    books = Books(folder)
    try:
        sandbox = Sandbox(books, clock or SystemClock(), webhooks)
        async with _meanwhile(sandbox.courier.run(), sandbox.settling.run()):
            runner = web.AppRunner(
                make_app(sandbox), access_log=None, shutdown_timeout=STOP_SECONDS
            )
            await runner.setup()
            try:
                await web.TCPSite(runner, host, port).start()
                bound = runner.addresses[0][1]
                yield f"http://{host}:{bound}"
            finally:
                await runner.cleanup()
    finally:
        books.close()


@asynccontextmanager
async def _meanwhile(*jobs: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run *jobs* for the length of the block; one that fails ends it."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(job) for job in jobs]
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below, not as part of a group
            failure = error
        finally:
            for job in running:
                job.cancel()
    if failure is not None:
        raise failure


async def parent_gone(pid: int) -> None:
    """Return when process *pid* has ended.

    Linux tells at once, whoever started that process. Elsewhere our own parent is looked at, which
    is another one as soon as it has ended. Linux' "signal me when my parent dies" is not used: it
    fires when the *thread* that started us ends.
    """
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except OSError:
            # An old kernel, or one that forbids it.
            pass
        else:
            await _readable(descriptor)
            return
    while os.getppid() == pid:  # noqa: ASYNC110 - no event tells of it there
        await asyncio.sleep(PARENT_POLL_SECONDS)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
