"""The watch actor: has its part of the marketplace looked over, every few seconds."""

from datetime import timedelta
from typing import Final

import structlog

from actors import Actor, Turn, handle
from ticketing.expiration.messages import WATCH, Look, Repaired, Sweep, sweeper
from ticketing.expiration.state import DeadlinesRepaired, WatchState

__all__ = ["LOOK_EVERY", "LOOK_TIMER", "Watch"]

log = structlog.get_logger("ticketing.watch")

LOOK_TIMER: Final = "look"

# A reservation nobody ends is noticed within seconds; looking costs one short read.
LOOK_EVERY: Final = timedelta(seconds=5)


class Watch(Actor[WatchState]):
    """One of the watches."""

    kind, service, table, asks = WATCH, "expiration", "watches", ()

    @handle(creates=True)
    async def look(self, message: Look, turn: Turn[WatchState]) -> None:
        turn.schedule(LOOK_TIMER, turn.now + LOOK_EVERY, message)
        turn.tell(sweeper(int(turn.key)), Sweep(), name="sweep")

    @handle(creates=True)
    async def repaired(self, message: Repaired, turn: Turn[WatchState]) -> None:
        # After an outage this is the watch's work; at any other time it means a lost timer.
        log.warning("deadlines.repaired", watch=turn.key, count=message.count)
        turn.record(DeadlinesRepaired(at=turn.now, count=message.count))
