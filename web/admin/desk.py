"""What an administrator sees: the node as a whole, and one actor; asked by REST and looked at live.

What is in memory is read there and what sleeps in its row: nothing here wakes an actor, or waits
for one.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from actors import InboxRow, NotFoundError, Ref, Runtime, State, UnavailableError
from actors.inspection import Inspector
from actors.redaction import redacted
from actors.seen import ActorSeen, Overview
from actors.stored import StoredActors
from actors.supervisor import Crash, ServiceHealth
from ticketing.bootstrap import STATE_TYPES
from ticketing.reads import Reads
from ticketing.tickets import TicketState, TicketStatus
from web import instants
from web.admin import names
from web.admin.texts import cleaned
from web.live.hub import Hub
from web.schemas import actors as schemas
from web.schemas import overview

__all__ = ["Desk", "actions", "line_view"]

_UNKNOWN_CAPTURES: Final = "ticketing_payments_unknown"


class Desk:
    """Looks into this node, for administrators."""

    def __init__(self, runtime: Runtime, reads: Reads, stored: StoredActors, live: Hub) -> None:
        self.stored = stored
        self._runtime = runtime
        self._reads = reads
        self._live = live

    @property
    def inspector(self) -> Inspector:
        return self._runtime.inspector

    async def overview(self) -> overview.OverviewView:
        """The node as a whole."""
        began = self._runtime.clock.monotonic()
        await asyncio.sleep(0)  # A whole round of the loop: how long it takes is the lag.
        lag = self._runtime.clock.monotonic() - began
        pending, overdue = await self._pending_overdue()
        seen = self.inspector.overview()
        next_at = seen.next_timer_at
        return overview.OverviewView(
            now=instants.shown(self._runtime.clock.now()),
            node=self._runtime.node_id,
            loop_lag_seconds=lag,
            services=[_service(each, seen, self.inspector) for each in seen.services],
            residents=seen.resident,
            workers=[
                overview.WorkerView(**msgspec.structs.asdict(worker)) for worker in seen.workers
            ],
            turns=seen.turns,
            batches=seen.batches,
            batch_turns=seen.batch_turns,
            batch_seconds=seen.batch_seconds,
            timers=overview.TimersView(
                handled=seen.due,
                late_seconds=seen.late_seconds,
                waiting=seen.timers_waiting,
                pending=pending,
                overdue=overdue,
                next_at=None if next_at is None else instants.shown(next_at),
            ),
            gateway=overview.GatewayView(
                sockets=len(self._live.sockets), topics=len(self._live.topics)
            ),
            payments=overview.PaymentsView(unknown=self._unknown_captures()),
            store_available=seen.store_available,
        )

    async def _pending_overdue(self) -> tuple[int | None, int | None]:
        """How many durable messages there are, and how many of them are late."""
        try:
            return await self.stored.timers_pending_overdue()
        except UnavailableError:
            return None, None

    async def find(self, kind: str, key: str) -> Ref:
        """The actor that is called so outside.

        Raises:
            NotFoundError: there is none: not in memory, nor as a row, nor did one ever fail.

        """
        ref = await names.real(kind, key, self._reads) if kind in STATE_TYPES else None
        if ref is None:
            raise NotFoundError
        is_known = ref in self._runtime.resident or self.inspector.crash(ref) is not None
        if not is_known and await self.stored.row(ref) is None:
            raise NotFoundError
        return ref

    async def state(self, ref: Ref) -> State | None:
        """What *ref* is; None if it has not come to be."""
        state = self.inspector.state(ref)
        if state is None:
            state = await self.stored.row(ref)
        return None if state is None or state.version == 0 else state

    async def subject(self, ref: Ref) -> str:
        """What *ref* is called in the audit log."""
        return f"{ref.kind}:{(await names.shown([ref], self._reads))[ref]}"

    async def actor(self, ref: Ref) -> schemas.ActorView:
        """*ref* as it is now; it is seen to be looked at."""
        self.inspector.watch(ref)
        state = await self.state(ref)
        before = None
        if state is not None and state.version > 1:
            before = await self.stored.state_at(ref, state.version - 1)
        rows = await self.stored.of_actor(ref)
        key = (await names.shown([ref], self._reads))[ref]
        return self._seen(ref, key, state, before, rows)

    def _seen(
        self,
        ref: Ref,
        key: str,
        state: State | None,
        before: State | None,
        rows: Sequence[InboxRow],
    ) -> schemas.ActorView:
        """All of it at one moment."""
        inspector, now = self.inspector, self._runtime.clock.now()
        line = inspector.actor(ref)
        if state is not None:
            line = replace(line, version=state.version)
        is_resident = ref in self._runtime.resident
        running, crash = inspector.running(ref), inspector.crash(ref)
        shown = line_view(line, key, self._runtime.node_id)
        return schemas.ActorView(
            **{name: getattr(shown, name) for name in shown.__struct_fields__},
            at=instants.shown(now),
            is_resident=is_resident,
            state=None if state is None else redacted(state),
            before=None if before is None else redacted(before),
            timers=[_timer(row) for row in rows if row.due_at > now],
            messages=self._messages(ref, () if is_resident else rows, now),
            turns=[
                schemas.TurnView(**{**msgspec.structs.asdict(turn), "at": instants.shown(turn.at)})
                for turn in inspector.turns(ref)
            ],
            running=None
            if running is None
            else schemas.RunningView(cause=running[0], seconds=running[1]),
            stack=inspector.stack(ref),
            crash=None if crash is None else _crash(crash),
            actions=actions(line, state, is_resident=is_resident),
        )

    def _messages(
        self, ref: Ref, rows: Iterable[InboxRow], now: datetime
    ) -> list[schemas.MessageView]:
        """What waits in the mailbox; of a sleeper, what is due and waits in its inbox."""
        waiting = [
            schemas.MessageView(
                name=message.name,
                is_durable=message.is_durable,
                by=message.by,
                waits_seconds=message.waits_seconds,
                due_at=None if message.due_at is None else instants.shown(message.due_at),
            )
            for message in self.inspector.mailbox(ref)
        ]
        return waiting + [
            schemas.MessageView(
                name=row.message,
                is_durable=True,
                by=row.by,
                waits_seconds=(now - row.due_at).total_seconds(),
                due_at=instants.shown(row.due_at),
            )
            for row in rows
            if row.due_at <= now
        ]

    def _unknown_captures(self) -> int:
        """As the teller has counted them, without going through all other metrics."""
        metrics = self._runtime.metrics.restricted_registry([_UNKNOWN_CAPTURES]).collect()
        return int(sum(sample.value for metric in metrics for sample in metric.samples))


def line_view(line: ActorSeen, key: str, node: str) -> schemas.ActorLine:
    """*line* as an administrator sees it, its actor called *key*."""
    fields = msgspec.structs.asdict(line)
    del fields["used_at"]  # For the order of lists.
    error = None if line.last_error is None else cleaned(line.last_error)
    return schemas.ActorLine(**{**fields, "key": key, "node": node, "last_error": error})


def actions(line: ActorSeen, state: State | None, *, is_resident: bool) -> list[str]:
    """What may be done to an actor that looks so; each of it can still come too late."""
    is_held = line.status in {"suspended", "held", "quarantined"}
    allowed = {
        "restart": is_resident or is_held,
        "passivate": line.status == "idle",
        "suspend": line.status != "suspended",
        "resume": is_held,
        "release": isinstance(state, TicketState) and state.status is TicketStatus.RESERVED,
    }
    return [name for name, is_allowed in allowed.items() if is_allowed]


def _service(health: ServiceHealth, seen: Overview, inspector: Inspector) -> overview.ServiceView:
    def of_it(counts: Mapping[str, int]) -> int:
        its_own = (kind for kind in counts if inspector.service(kind) == health.service)
        return sum(counts[kind] for kind in its_own)

    return overview.ServiceView(
        service=health.service,
        is_degraded=health.is_degraded,
        quarantined=health.quarantined,
        restarts=health.restarts,
        parked=health.parked,
        last_error=None if health.last_error is None else cleaned(health.last_error),
        resident=of_it(seen.resident),
        running=of_it(seen.running),
    )


def _timer(row: InboxRow) -> schemas.WaitingTimerView:
    return schemas.WaitingTimerView(
        name=row.name,
        message=row.message,
        due_at=instants.shown(row.due_at),
        attempts=row.attempts,
    )


def _crash(crash: Crash) -> schemas.CrashView:
    return schemas.CrashView(
        at=instants.shown(crash.at),
        cause=crash.cause,
        error=cleaned(crash.error),
        traceback=cleaned(crash.traceback),
        restarts=crash.restarts,
    )
