"""Whether this process can serve, and if not, why not."""

import asyncio
from dataclasses import dataclass
from typing import Final

from actors import Runtime, UnavailableError
from actors.link import Link
from ticketing.reads import Reads
from web.refusals import NotReadyError

__all__ = ["Readiness"]

# A probe's own time-out is usually one second; a database slower than this is of no use.
_PING_SECONDS: Final = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """What this process cannot do without."""

    runtime: Runtime
    reads: Reads
    link: Link | None
    """The line to other processes, if there are any."""

    async def check(self) -> None:
        """Look once.

        Raises:
            NotReadyError: it says why not.

        """
        if not self.runtime.is_ready:
            raise NotReadyError("The process is draining")
        if self.link is not None and not self.link.is_up:
            raise NotReadyError("NATS does not answer")
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await self.reads.value("select 1")
        except (TimeoutError, UnavailableError):
            raise NotReadyError("The database does not answer") from None
