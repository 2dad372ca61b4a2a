"""The reconciler: one actor that has the provider's events read, for what no webhook told.

Webhooks may be late, lost, or sent to a server that is down. What they tell is a hint to look; so
is what is found here.
"""

from datetime import datetime, timedelta
from typing import Final, TypeAlias

import structlog
from msgspec.structs import replace

from actors import Actor, Fact, State, Turn, handle
from ticketing.payments.messages import RECONCILER, LookAround, Sweep, Swept, teller

__all__ = ["LOOK_TIMER", "EventsSwept", "Reconciler", "ReconcilerFact", "ReconcilerState"]

log = structlog.get_logger("ticketing.reconciler")

LOOK_TIMER: Final = "look"

# A buyer whose browser died after 3-D Secure has the ticket within this time; a look is one call.
LOOK_EVERY: Final = timedelta(seconds=15)

# How far back the first look goes; the provider resends a webhook for three days.
FIRST_LOOK: Final = timedelta(days=3)

# Where the next look begins is in the timer; it is written down this often, for a restart.
NOTED_EVERY: Final = timedelta(minutes=10)


class EventsSwept(Fact, frozen=True, kw_only=True, tag="reconciler.swept"):
    """Every event before *until* has been looked at; *touched* payments had not heard of theirs."""

    until: datetime
    touched: int


ReconcilerFact: TypeAlias = EventsSwept


class ReconcilerState(State, frozen=True, kw_only=True):
    """One row of `reconcilers`."""

    id: str
    swept_until: datetime | None = None
    touched: int = 0

    def apply(self, fact: ReconcilerFact) -> "ReconcilerState":
        return replace(self, swept_until=fact.until, touched=self.touched + fact.touched)


class Reconciler(Actor[ReconcilerState]):
    """It decides when to look and from where on; the teller looks."""

    kind, service, table, asks = RECONCILER, "payments", "reconcilers", ()
    parks = False

    @handle(creates=True)
    async def look_around(self, message: LookAround, turn: Turn[ReconcilerState]) -> None:
        since = message.since or turn.state.swept_until or turn.now - FIRST_LOOK
        turn.schedule(LOOK_TIMER, turn.now + LOOK_EVERY, LookAround(since=since))
        turn.tell(teller(turn.key), Sweep(since=since), name="sweep")

    @handle(creates=True)
    async def swept(self, message: Swept, turn: Turn[ReconcilerState]) -> None:
        if message.touched:
            log.warning("payments.reconciled", touched=message.touched)
        noted = turn.state.swept_until
        if message.touched or noted is None or message.until >= noted + NOTED_EVERY:
            turn.record(EventsSwept(until=message.until, touched=message.touched))
        turn.schedule(LOOK_TIMER, turn.now + LOOK_EVERY, LookAround(since=message.until))
