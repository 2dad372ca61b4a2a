"""The start of a process, which waits for what is not there yet instead of giving up.

A database that is being moved, a name that is not known yet, a NATS server that starts a second
later: none of them is a mistake of ours, and to leave would only be to be started again. A wrong
password is one, and ends the start with one line.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg
import structlog

from actors import UnavailableError

__all__ = ["Starting", "StoppedError"]

log = structlog.get_logger("ticketing.starting")

T = TypeVar("T")

PAUSE_SECONDS: Final = 0.5
REMIND_SECONDS: Final = 30.0

# Nobody there, nobody ready, or nobody who may write: a standby, while another is being promoted.
AWAY: Final = (
    OSError,
    UnavailableError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
)


class StoppedError(Exception):
    """Told to stop before the start was over."""


class Starting:
    """How far the start of this process has come. *stop*, once set, ends every wait."""

    def __init__(self, stop: asyncio.Event | None = None) -> None:
        self._stop = stop or asyncio.Event()
        self._missing: str | None = None
        self._told_at = float("-inf")

    @property
    def why(self) -> str:
        """Why this process does not serve yet: one sentence for people."""
        if self._missing is None:
            return "The process is starting"
        return f"The process is starting: {self._missing} is not there yet"

    async def until_there(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """What *attempt* returns, once it does not fail any more because *what* is away.

        Raises:
            StoppedError: the process was told to stop meanwhile.

        """
        while True:
            try:
                reached = await attempt()
            except AWAY as error:
                await self._pause(what, error)
            else:
                self._go_on()
                return reached

    def _go_on(self) -> None:
        if self._missing is not None:
            log.info("start.goes_on", found=self._missing)
            self._missing = None
            self._told_at = float("-inf")

    async def _pause(self, what: str, error: Exception) -> None:
        now = asyncio.get_running_loop().time()
        if self._missing != what or now - self._told_at >= REMIND_SECONDS:
            log.warning("start.waits", waits_for=what, why=str(error) or type(error).__name__)
            self._told_at = now
        self._missing = what
        try:
            async with asyncio.timeout(PAUSE_SECONDS):
                await self._stop.wait()
        except TimeoutError:
            return
        raise StoppedError
