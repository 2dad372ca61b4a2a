"""What every part of one node shares: the seams, and what stands on them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from msgspec.structs import replace

from actors import tracing
from actors.bus import Bus
from actors.clock import Clock, Ids
from actors.doing import doing, named
from actors.errors import OUTAGE, HeldError, MovedError, StoreUnavailableError
from actors.gatherer import Gatherer
from actors.lease import Lease
from actors.mailbox import Envelope
from actors.message import Message, State, encode, wire_name
from actors.observer import Observer
from actors.placement import Placement
from actors.ref import Ref
from actors.store import Commit, InboxRow, Outcome, Store
from actors.supervisor import Supervisor
from actors.tasks import Tasks
from actors.telemetry import Telemetry
from actors.timers import Timers
from actors.tracing import Tracer
from actors.turn import Sending
from actors.writer import Writer

__all__ = ["Node"]

log = structlog.get_logger("actors.node")

# What is held for no time at all would come back at once, and again.
HOLD_SECONDS_MIN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One process incarnation, as its actors and workers see it."""

    clock: Clock
    ids: Ids
    store: Store
    bus: Bus
    placement: Placement
    telemetry: Telemetry
    tasks: Tasks
    writer: Writer
    timers: Timers
    loader: Gatherer[Ref, State]
    supervisors: Mapping[str, Supervisor]
    observer: Observer
    services: Mapping[str, str]
    """The service of each kind."""
    ask: Callable[[Ref, Message[Any], str | None, float], Awaitable[Any]]
    """Ask on behalf of an actor: (receiver, message, by, deadline)."""
    ring: Callable[[InboxRow], None]
    """Tell the node that owns its partition of a message that is in the inbox."""
    lease: Lease
    """Until when what is in memory may be answered."""
    tracer: Tracer | None
    """Who is told of turns and commits, if anybody wants traces."""

    def supervisor(self, ref: Ref) -> Supervisor:
        return self.supervisors[self.services[ref.kind]]

    def begin(self, envelope: Envelope) -> None:
        """*envelope* is what this task handles from now on: so say its log lines and its trace."""
        doing.set(envelope)
        if self.tracer is not None:
            envelope.span = self.tracer.turn(envelope)

    def row(self, sending: Sending, by: str | None) -> InboxRow:
        """*sending*, encoded, as the inbox row it becomes."""
        return InboxRow(
            id=self.ids.new(),
            partition=self.placement.partition(sending.ref),
            kind=sending.ref.kind,
            key=sending.ref.key,
            name=sending.name,
            message=wire_name(type(sending.message)),
            body=encode(sending.message),
            due_at=sending.due_at,
            by=by,
        )

    async def commit(self, commit: Commit) -> Outcome:
        """Make *commit* durable; afterwards, and only then, let its messages out.

        Raises:
            CommitRefusedError: the store refuses its data.
            UnavailableError: the store was out of reach; nothing was written.

        """
        with self.timers.writing(commit.sends):
            submitted = self.writer.submit(commit)
            if self.tracer is None:
                outcome = await submitted
            else:
                outcome = await tracing.committed(self.tracer, commit, submitted)
        if outcome is Outcome.COMMITTED:
            self._committed(commit)
        return outcome

    async def send(self, row: InboxRow) -> None:
        """Put *row* into the inbox, outside any turn, and let it out."""
        with self.timers.writing([row]):
            await self.store.send([row])
        self.let_out(row)

    def let_out(self, row: InboxRow) -> None:
        """*row* is in the inbox: have it delivered when it is due, here or where it belongs."""
        if self.placement.accepts(row.partition):
            self.timers.add(row)
        else:
            self.ring(row)

    def _committed(self, commit: Commit) -> None:
        """What *commit* did is durable: timers are known, messages are on their way."""
        if commit.consumed is not None:
            self.timers.finished(commit.consumed)
            lateness = self.clock.now() - commit.consumed.due_at
            self.telemetry.was_late(commit.consumed.message, lateness.total_seconds())
        for name in commit.cancels:
            self.timers.forget(commit.ref, name)
        for row in commit.sends:
            self.let_out(row)

    async def set_aside(self, row: InboxRow, error: Exception, *, parks: bool) -> None:
        """A durable message failed: try it again later, or park it.

        Waiting out an outage parks nothing, however long it lasts.
        """
        if isinstance(error, MovedError):
            self.timers.finished(row)  # It is in the inbox, for whoever owns it.
            return
        if isinstance(error, HeldError):
            self._hold_back(row, error)
            return
        supervisor = self.supervisor(row.ref)
        parked = supervisor.must_park(row, parks=parks and not isinstance(error, OUTAGE))
        due_at: datetime = self.clock.now() + supervisor.retry_after(row)
        why = f"{type(error).__name__}: {error}"
        log.warning(
            "message.parked" if parked else "message.postponed",
            actor=named(row.ref), message=row.message, attempts=row.attempts + 1, why=why,
        )  # fmt: skip
        try:
            postponed = await self.store.postpone(row, due_at, why, parked=parked)
        except StoreUnavailableError:
            postponed = None  # The row is as it was; the sweep finds it when the store is back.
        self.timers.finished(row)
        if postponed is not None and not parked:
            if self.tracer is not None:
                self.tracer.keep([postponed])
            self.let_out(postponed)

    def _hold_back(self, row: InboxRow, held: HeldError) -> None:
        """Its actor is left alone for now: keep the message here, where it has not been tried."""
        self.timers.finished(row)
        wait = timedelta(seconds=max(held.retry_after or 0.0, HOLD_SECONDS_MIN))
        self.timers.add(replace(row, due_at=self.clock.now() + wait))
