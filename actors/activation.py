"""One live actor: it takes a message from its mailbox, runs the turn, and waits for the commit.

Between two messages it is nothing but its state: a task exists only while the mailbox is not
empty. The next message is taken only when the outcome of the commit before is known, so what the
memory says is always what the store says.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import structlog

from actors import tracing
from actors.actor import Actor
from actors.bus import Change
from actors.doing import named
from actors.errors import (
    ActorError,
    AskIdReusedError,
    CommitRefusedError,
    CrashedError,
    ExpiredError,
    MovedError,
    NotFoundError,
    RefusalError,
    RestartedError,
    UnavailableError,
)
from actors.mailbox import AskId, Envelope, Mailbox
from actors.message import Message, State, encode, reply_type, wire_name
from actors.node import Node
from actors.ref import Ref
from actors.store import Answer, Commit, Outcome, Recorded, Row
from actors.turn import Turn, UndeclaredAskError

__all__ = ["Activation"]

log = structlog.get_logger("actors.activation")

# How long a handler caused by a durable message may wait for each actor it asks.
DURABLE_ASK_SECONDS = 10.0

# A turn computed from memory that proves to be stale is computed once more from the fresh row.
STALE_TRIES = 2

_DISCARDED = "The actor moved, or its row was changed by somebody else"


class Activation:
    """An actor in memory."""

    __slots__ = ("_is_restarting", "_node", "_on_idle", "actor", "is_doubted", "is_lost",
                 "is_running", "is_suspended", "mailbox", "ref", "state", "used_at")  # fmt: skip

    def __init__(
        self, ref: Ref, actor: Actor[Any], node: Node, on_idle: "Callable[[Activation], None]"
    ) -> None:
        self.ref = ref
        self.actor = actor
        self.state: State | None = None
        """The last durable state; None when it is not in memory."""
        self.mailbox = Mailbox(actor.mailbox_size_max)
        self.is_running = False
        self.is_suspended = False
        """Whether an operator has stopped it: what comes waits, and nothing is handled."""
        self.is_lost = False
        """Whether its partition has moved: what it still does is neither kept nor answered."""
        self.is_doubted = False
        """Whether what is in memory may not be what the store says."""
        self.used_at = node.clock.monotonic()
        """When it last began, or ended, to work."""
        self._is_restarting = False
        self._node = node
        self._on_idle = on_idle

    @property
    def is_worth_keeping(self) -> bool:
        """Whether there is something in memory: a state with a row."""
        return self.state is not None and self.state.version > 0

    def put(self, envelope: Envelope) -> None:
        """Queue *envelope* and see to it that somebody works on it."""
        self.mailbox.put(envelope)
        if self._node.observer.is_open:
            envelope.queued_at = self._node.clock.monotonic()
        self.wake()

    def wake(self) -> None:
        """Work on what waits, unless that is being done or must not be."""
        if not self.is_running and not self.is_suspended and len(self.mailbox):
            self.is_running = True
            self.used_at = self._node.clock.monotonic()
            self._node.tasks.start(self._run(), self.task_name)

    @property
    def task_name(self) -> str:
        """What its task is called while it works."""
        return f"run {self.ref}"

    def restart(self, task: "asyncio.Task[None] | None") -> None:
        """Forget what is in memory; give up the turn that *task* runs, which is in its handler."""
        if task is None:
            self.state = None
        elif not self._is_restarting:
            self._is_restarting = True
            task.cancel()

    def lose(self) -> None:
        """Somebody else owns it from now on: what waits is sent away, and nothing is kept."""
        self.is_lost = True
        while len(self.mailbox):
            envelope = self.mailbox.take()
            if envelope.row is not None:
                self._node.timers.finished(envelope.row)
            else:
                envelope.fail(MovedError())

    @property
    def _may_answer(self) -> bool:
        """Whether what is in memory is still the truth."""
        return not (self.is_lost or self.is_doubted) and self._node.lease.holds

    async def _run(self) -> None:
        while len(self.mailbox) and not self.is_suspended:
            await self._step()
            if self.is_doubted:
                self.state, self.is_doubted = None, False
            if self._node.tracer is not None:
                tracing.end()
        self.is_running = False
        self.used_at = self._node.clock.monotonic()
        self._on_idle(self)

    async def _step(self) -> None:
        """Handle one message, whatever comes of it."""
        supervisor = self._node.supervisor(self.ref)
        try:
            supervisor.admit(self.ref)
            state = await self._load()
        except (ActorError, ValueError, TypeError) as error:
            await self._not_loaded(error)
            return
        if not len(self.mailbox):
            return  # It was lost meanwhile.
        now = self._node.clock.now()
        self._node.timers.release(self.ref, now)  # What is due goes first; `now` is the turn's.
        envelope = self.mailbox.take()
        if envelope.row is not None:
            # It was due by our clock, which may have been set back a little since.
            now = max(now, envelope.row.due_at)
        elif envelope.deadline <= self._node.clock.monotonic():
            envelope.fail(ExpiredError("It waited too long in the mailbox", executed="no"))
            return
        self._node.begin(envelope)
        if self._node.observer.is_open:
            self._node.observer.begin(self.ref, envelope)
        try:
            await self._handle(envelope, state, now)
        except asyncio.CancelledError:
            await self._restarted(envelope)
        except RefusalError as refusal:
            supervisor.worked(self.ref)
            await self._refused(envelope, refusal)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is supervised
            await self._failed(envelope, error)
        else:
            supervisor.worked(self.ref)
            self._count("done")

    async def _not_loaded(self, error: Exception) -> None:
        """There is no state to handle the next message with, if there still is one."""
        if len(self.mailbox):
            envelope = self.mailbox.take()
            self._node.begin(envelope)
            await self._failed(envelope, error)

    async def _load(self) -> State:
        if self.state is None:
            found = await self._node.loader.get(self.ref)
            self.state = found if found is not None else self.actor.blank(self.ref.key)
        return self.state

    async def _handle(self, envelope: Envelope, state: State, now: datetime) -> None:
        handler = self.actor.handlers.get(type(envelope.message))
        if handler is None:
            raise TypeError(f"{self.ref.kind} does not handle {type(envelope.message).__name__}")
        ask_id = envelope.ask_id
        if ask_id is not None and not ask_id.is_first and await self._replayed(envelope, ask_id):
            return
        for _ in range(STALE_TRIES):
            if state.version == 0 and not handler.creates:
                raise NotFoundError
            turn = self._turn(envelope, state, now)
            reply = await handler.function(self.actor, envelope.message, turn)
            try:
                outcome = await self._finish(turn, envelope, reply)
            except CommitRefusedError:
                # It may have come twice: what came first has been answered under the same id.
                if ask_id is not None and await self._replayed(envelope, ask_id):
                    return
                raise
            if outcome is Outcome.COMMITTED:
                envelope.answer(reply)
                return
            self.state = None
            self._node.telemetry.discarded.labels(kind=self.ref.kind, why=outcome.value).inc()
            log.warning("turn.discarded", actor=named(self.ref), why=outcome.value)
            if outcome is Outcome.FENCED:
                raise MovedError(_DISCARDED)
            state = await self._load()
        raise UnavailableError(_DISCARDED)

    async def _replayed(self, envelope: Envelope, ask_id: AskId) -> bool:
        """Answer a retry with the first answer."""
        stored = await self._node.store.answer(ask_id.id)
        if stored is None:
            return False
        if stored.digest != ask_id.digest:
            raise AskIdReusedError
        reply = msgspec.json.decode(stored.reply, type=reply_type(type(envelope.message)))
        envelope.answer(reply)
        return True

    def _turn(self, envelope: Envelope, state: State, now: datetime) -> Turn[Any]:
        row = envelope.row
        deadline = envelope.deadline
        if row is not None:
            deadline = self._node.clock.monotonic() + DURABLE_ASK_SECONDS
        return Turn(
            self.ref,
            state,
            now=now,
            by=envelope.by,
            deadline=deadline,
            attempts=row.attempts if row is not None else 0,
            asker=self._ask,
        )

    async def _ask(self, turn: Turn[Any], ref: Ref, message: Message[Any]) -> Any:
        if ref.kind not in self.actor.asks:
            raise UndeclaredAskError(f"{self.ref.kind} does not declare that it asks {ref.kind}")
        try:
            return await self._node.ask(ref, message, turn.by, turn.deadline)
        except RefusalError as refusal:
            refusal.is_anothers = True
            raise

    async def _finish(self, turn: Turn[Any], envelope: Envelope, reply: Any) -> Outcome:
        """Make the turn durable; afterwards, and only then, let its effects out."""
        ask_id = envelope.ask_id
        if turn.is_clean and envelope.row is None and (ask_id is None or ask_id.is_own):
            if not self._may_answer:
                raise MovedError  # It only looked, at what may be somebody else's by now.
            return Outcome.COMMITTED  # It only looked, at what is durable already.
        commit = self._commit(turn, envelope, reply)
        if commit is None:
            return Outcome.FENCED
        if self._node.observer.is_open:
            self._node.observer.committing(self.ref)
        outcome = await self._node.commit(commit)
        if outcome is Outcome.COMMITTED:
            self.state = state = turn.state
            if turn.facts:
                kind, key = self.ref
                self._node.bus.publish(
                    Change(kind, key, state.version, state, turn.before, commit.state)
                )
        return outcome

    def _commit(self, turn: Turn[Any], envelope: Envelope, reply: Any) -> Commit | None:
        """Everything the turn did, encoded; None if the partition is not ours any more."""
        node = self._node
        partition = node.placement.partition(self.ref)
        epoch = node.placement.epoch(partition)
        if epoch is None or self.is_lost:
            return None
        answer = None
        if envelope.ask_id is not None:
            answer = Answer(envelope.ask_id.id, envelope.ask_id.digest, encode(reply))
        return Commit(
            ref=self.ref,
            partition=partition,
            epoch=epoch,
            cause=wire_name(type(envelope.message)),
            at=turn.now,
            by=envelope.by,
            expected=turn.before.version,
            state=encode(turn.state) if turn.facts else None,
            facts=tuple(Recorded(wire_name(type(fact)), encode(fact)) for fact in turn.facts),
            consumed=envelope.row,
            sends=tuple(node.row(send, envelope.by) for send in turn.sends),
            cancels=tuple(turn.cancels),
            rows=tuple(Row(type(row).table, encode(row)) for row in turn.rows),
            answer=answer,
        )

    async def _refused(self, envelope: Envelope, refusal: RefusalError) -> None:
        """A "no": the asker is told. A durable message that is refused is done with."""
        self._count("refused")
        # A "no" out of memory that may be old is none.
        envelope.fail(refusal if envelope.row is not None or self._may_answer else MovedError())
        if envelope.row is None:
            return
        if refusal.is_anothers:
            # The handler did not foresee that the actor it asked would refuse: not its own "no".
            await self._node.set_aside(envelope.row, refusal, parks=self.actor.parks)
            return
        log.info("message.refused", actor=named(self.ref), message=envelope.row.message,
                 why=str(refusal))  # fmt: skip
        turn = self._turn(
            envelope, self.state or self.actor.blank(self.ref.key), self._node.clock.now()
        )
        try:
            outcome = await self._finish(turn, envelope, None)
        except ActorError as error:
            await self._failed(envelope, error)
        else:
            if outcome is not Outcome.COMMITTED:
                self.state = None
                await self._failed(envelope, UnavailableError(_DISCARDED))

    async def _restarted(self, envelope: Envelope) -> None:
        """The turn was given up: by an operator, or else because the node stops."""
        task = asyncio.current_task()
        if not self._is_restarting or task is None:
            raise asyncio.CancelledError
        self._is_restarting = False
        if task.uncancel():
            raise asyncio.CancelledError  # By both: the node stops before this turn has ended.
        self.state = None
        await self._failed(envelope, RestartedError())

    async def _failed(self, envelope: Envelope, error: Exception) -> None:
        """Nothing of the turn was kept. Only a crash is the actor's own failure."""
        has_crashed = not isinstance(error, ActorError) or isinstance(error, CommitRefusedError)
        if not has_crashed:
            self._count("unavailable")
            envelope.fail(error)
        else:
            self._count("crashed")
            self.state = None
            cause = wire_name(type(envelope.message))
            self._node.supervisor(self.ref).crashed(self.ref, cause, error)
            envelope.fail(CrashedError())
        if envelope.row is not None:
            await self._node.set_aside(envelope.row, error, parks=self.actor.parks)

    def _count(self, outcome: str) -> None:
        if self._node.observer.is_open:
            self._node.observer.end(self.ref, outcome)
        if self._node.tracer is not None:
            tracing.outcome(outcome)
        self._node.telemetry.turned(self.ref.kind, outcome)
