"""Keeps the embedded server running for `ticketing serve`, whatever ends it.

A lost backend is PostgreSQL's own affair: it restarts by itself. When the postmaster is killed -
an out-of-memory killer likes it - nobody else would start it again. Meanwhile requests are told to
come back, as in any outage. A server that ends again and again has a reason that only people can
mend, so the tries are bounded.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from ticketing.embedded import EmbeddedPostgres, EmbeddedPostgresError

__all__ = ["guarded"]

_LOOK_SECONDS = 0.1  # A lost server is noticed by the next request anyway; this is how soon by us.
_STARTS_MAX = 5  # In a row, after pauses of 0.1 s to 1.6 s: a full disk does not clear up faster.
_PAUSE_FIRST_SECONDS = 0.1
_STEADY_SECONDS = 60.0  # A server that has lived for so long had no part in the troubles before.


@asynccontextmanager
async def guarded(
    postgres: EmbeddedPostgres, log: Callable[[str], None]
) -> AsyncIterator[asyncio.Event]:
    """While the context lasts *postgres* is started again when it ends.

    Gives an event, which is set when that was given up.
    """
    gone = asyncio.Event()
    guard = asyncio.ensure_future(_guard(postgres, log, gone))  # noqa: TID251 - below the runtime
    try:
        yield gone
    finally:
        guard.cancel()
        with suppress(asyncio.CancelledError):
            await guard


async def _guard(
    postgres: EmbeddedPostgres, log: Callable[[str], None], gone: asyncio.Event
) -> None:
    loop = asyncio.get_running_loop()
    starts, started_at = 0, loop.time()
    try:
        while True:
            while postgres.running():  # noqa: ASYNC110 - a process is no event
                await asyncio.sleep(_LOOK_SECONDS)
            if loop.time() - started_at >= _STEADY_SECONDS:
                starts = 0
            if starts == _STARTS_MAX:
                log(f"the database has ended again, and is not started a {starts + 1}th time")
                return
            await asyncio.sleep(_PAUSE_FIRST_SECONDS * 2**starts)
            starts += 1
            await _start(postgres, log)
            started_at = loop.time()
    finally:
        gone.set()


async def _start(postgres: EmbeddedPostgres, log: Callable[[str], None]) -> None:
    log("the database has ended; starting it again")
    try:
        await postgres.restart()
    except EmbeddedPostgresError as error:
        log(str(error))
    else:
        log("the database is back")
