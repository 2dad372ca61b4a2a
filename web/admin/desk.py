"""What an administrator sees: all nodes together, and one actor; by REST, and looked at live.

What is in memory is read there, on whichever node that is, and what sleeps in its row: nothing here
wakes an actor, or waits for one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from actors import InboxRow, NotFoundError, Ref, Runtime, State, UnavailableError
from actors.redaction import redacted
from actors.remote_inspection import Nodes
from actors.seen import ActorLooked, ActorSeen, WaitingSeen
from actors.stored import StoredActors
from actors.supervisor import Crash
from ticketing.bootstrap import STATE_TYPES
from ticketing.fsck import rounds
from ticketing.fsck.rounds import Health
from ticketing.reads import Reads
from ticketing.tickets import TicketState, TicketStatus
from web import instants
from web.admin import names, together
from web.admin.texts import cleaned
from web.schemas import actors as schemas
from web.schemas import overview

__all__ = ["Desk", "actions", "line_view"]


# A slice of the ledger is looked at each second: whoever looks at the page is told soon enough.
LEDGER_SECONDS: Final = 5.0


class Desk:
    """Looks into all nodes, for administrators."""

    def __init__(self, runtime: Runtime, reads: Reads, stored: StoredActors, nodes: Nodes) -> None:
        self.stored = stored
        self.nodes = nodes
        self._runtime = runtime
        self._reads = reads
        self._ledger: tuple[float, Health | None] = (-float("inf"), None)

    async def overview(self) -> overview.OverviewView:
        """All nodes together; they are seen to be looked at."""
        pending, overdue = await self._pending_overdue()
        seen = await self.nodes.overviews()
        return together.view(
            seen,
            now=self._runtime.clock.now(),
            this=self.nodes.node,
            pending=pending,
            overdue=overdue,
            ledger=await self._ledger_health(),
            service=self._runtime.inspector.service,
        )

    async def _pending_overdue(self) -> tuple[int | None, int | None]:
        """How many durable messages there are, and how many of them are late."""
        try:
            return await self.stored.timers_pending_overdue()
        except UnavailableError:
            return None, None

    async def _ledger_health(self) -> Health | None:
        """How the ledger is; asked of the database seldom, for it changes slowly."""
        until, health = self._ledger
        now = self._runtime.clock.monotonic()
        if now >= until:
            try:
                health = await rounds.read(self._reads)
            except UnavailableError:
                return None
            self._ledger = (now + LEDGER_SECONDS, health)
        return health

    async def find(self, kind: str, key: str) -> Ref:
        """The actor that is called so outside.

        Raises:
            NotFoundError: there is none: not in memory, nor as a row, nor did one ever fail.

        """
        ref = await names.real(kind, key, self._reads) if kind in STATE_TYPES else None
        if ref is None:
            raise NotFoundError
        inspector = self._runtime.inspector
        is_known = inspector.is_resident(ref) or inspector.crash(ref) is not None
        if not is_known and await self.stored.row(ref) is None:
            _, looked = await self.nodes.actor(ref)
            if not looked.is_known:
                raise NotFoundError
        return ref

    async def state(self, ref: Ref) -> State | None:
        """What *ref* is; None if it has not come to be."""
        return await self._state(ref, self._runtime.inspector.state(ref))

    async def _state(self, ref: Ref, in_memory: State | None) -> State | None:
        state = await self.stored.row(ref) if in_memory is None else in_memory
        return None if state is None or state.version == 0 else state

    async def subject(self, ref: Ref) -> str:
        """What *ref* is called in the audit log."""
        return f"{ref.kind}:{(await names.shown([ref], self._reads))[ref]}"

    async def actor(self, ref: Ref) -> schemas.ActorView:
        """*ref* as it is now; it is seen to be looked at.

        Raises:
            UnavailableError: the node where it is does not answer.

        """
        return await self.told(ref, *await self.nodes.actor(ref))

    async def told(self, ref: Ref, node: str, looked: ActorLooked) -> schemas.ActorView:
        """*ref*, which *looked* so at its *node* a moment ago, with what the database has of it."""
        state = await self._state(ref, _in_memory(ref, looked))
        before = None
        if state is not None and state.version > 1:
            before = await self.stored.state_at(ref, state.version - 1)
        rows = await self.stored.of_actor(ref)
        key = (await names.shown([ref], self._reads))[ref]
        return self._seen(looked, line_key=(node, key), states=(state, before), rows=rows)

    def _seen(
        self,
        looked: ActorLooked,
        *,
        line_key: tuple[str, str],
        states: tuple[State | None, State | None],
        rows: Sequence[InboxRow],
    ) -> schemas.ActorView:
        now, (node, key), (state, before) = self._runtime.clock.now(), line_key, states
        line = looked.line
        if state is not None:
            line = replace(line, version=state.version)
        running, crash = looked.running, looked.crash
        shown = line_view(line, key, node)
        return schemas.ActorView(
            **{name: getattr(shown, name) for name in shown.__struct_fields__},
            at=instants.shown(now),
            is_resident=looked.is_resident,
            state=None if state is None else redacted(state),
            before=None if before is None else redacted(before),
            timers=[_timer(row) for row in rows if row.due_at > now],
            messages=_messages(looked.mailbox, () if looked.is_resident else rows, now),
            turns=[
                schemas.TurnView(**{**msgspec.structs.asdict(turn), "at": instants.shown(turn.at)})
                for turn in looked.turns
            ],
            running=None
            if running is None
            else schemas.RunningView(cause=running[0], seconds=running[1]),
            stack=looked.stack,
            crash=None if crash is None else _crash(crash),
            actions=actions(line, state, is_resident=looked.is_resident),
        )


def _in_memory(ref: Ref, looked: ActorLooked) -> State | None:
    body = looked.state
    return None if body is None else msgspec.json.decode(body, type=STATE_TYPES[ref.kind])


def _messages(
    mailbox: Iterable[WaitingSeen], rows: Iterable[InboxRow], now: datetime
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
        for message in mailbox
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
