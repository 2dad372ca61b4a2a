"""How this program talks to PostgreSQL: session settings, codecs, and what its errors mean."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from traceback import clear_frames
from typing import Any, Final

import asyncpg

__all__ = [
    "CONNECTION_LOST",
    "READ_SETTINGS",
    "WRITE_SETTINGS",
    "Session",
    "borrowed",
    "is_refusal",
    "noticing_its_end",
    "prepare_session",
]

# Whatever comes of these, nobody knows what the server did. `InternalClientError` is what asyncpg
# raises when a backend was killed under it while the client was paused.
CONNECTION_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)

READ_SETTINGS: Final = {
    "idle_in_transaction_session_timeout": "5s",
    "statement_timeout": "10s",
    "lock_timeout": "4s",
    "jit": "off",
    "timezone": "UTC",
}

# The commit statement is planned once for each shape and used for good. The plan must not depend
# on how small the tables or the batch were then: without sequential scans rows are found by index,
# and without nested loops a batch of 512 costs 512, not 512 times 512.
WRITE_SETTINGS: Final = {
    **READ_SETTINGS,
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_nestloop": "off",
}

# Data exceptions, broken constraints, and one row touched twice: the fault of one turn's data.
_REFUSAL_CLASSES: Final = ("21", "22", "23")


def is_refusal(error: asyncpg.PostgresError) -> bool:
    """Whether the server refused the data, so that a batch without it would pass."""
    return (error.sqlstate or "").startswith(_REFUSAL_CLASSES)


class Session(asyncpg.Connection):
    """A connection of the pool. Nobody leaves anything behind in one that a reset would undo."""

    def get_reset_query(self) -> str:
        """None: the usual one would be a second round trip after every read."""
        return ""


async def prepare_session(connection: Any) -> None:
    """Make jsonb travel as the bytes it is written in; their type is known elsewhere."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + value,  # The version of the binary format.
        decoder=lambda value: value[1:],
        format="binary",
    )


@contextmanager
def noticing_its_end(connection: Any) -> Iterator[None]:
    """Have an end of *connection* raise one of `CONNECTION_LOST`, whenever it came.

    Between two steps of one query asyncpg does not notice it, and stumbles over what it let go of.
    """
    try:
        yield
    except AttributeError as error:
        if connection.is_closed():
            raise asyncpg.InterfaceError("closed in the middle of a query") from error
        raise


@asynccontextmanager
async def borrowed(
    pool: "asyncpg.Pool[asyncpg.Record]", seconds: float
) -> AsyncIterator["asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"]:
    """A connection of *pool* for at most *seconds*, the wait for it included.

    One that does not answer, or that nobody waits for any more, is closed. To cancel would be to
    ask the very server that does not answer, and the pool would wait for that without a limit.
    Raises one of `CONNECTION_LOST` when the time is up.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    connection = await _acquired(pool, seconds)
    end = loop.call_at(until, connection.terminate)
    try:
        with noticing_its_end(connection):
            yield connection
    except asyncio.CancelledError:
        with suppress(asyncpg.InterfaceError):  # It is closed already.
            connection.terminate()
        raise
    finally:
        end.cancel()
        await pool.release(connection)


async def _acquired(
    pool: "asyncpg.Pool[asyncpg.Record]", seconds: float
) -> "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]":
    try:
        return await pool.acquire(timeout=seconds)
    except CONNECTION_LOST as error:
        # asyncpg remembers the error in a frame that the error remembers: a circle for each read
        # that fails, and in an outage all do.
        clear_frames(error.__traceback__)
        raise
