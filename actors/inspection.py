"""What is going on in this node, for operators: it looks, and it acts, past every mailbox.

Looking wakes no sleeper and waits for nobody: it reads what is in memory. Acting goes straight to
the runtime's own parts, so that an actor that is stuck, or has a full mailbox, can be stopped.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog

from actors.activation import Activation
from actors.directory import Directory
from actors.doing import named
from actors.mailbox import Envelope
from actors.message import State, wire_name
from actors.node import Node
from actors.observer import TurnSeen
from actors.pool import WorkerPool
from actors.ranking import UNKNOWN_AT, Moment, Wanted, ranked, status_of
from actors.ref import Ref
from actors.seen import ActorSeen, ActorStatus, MessageSeen, Order, Overview, WorkerSeen
from actors.supervisor import Crash

__all__ = ["Inspector", "NotNowError"]

log = structlog.get_logger("actors.inspection")


class NotNowError(Exception):
    """It cannot be done at this moment; the message says why. Trying again is harmless."""


class Inspector:
    """Looks into one node, and acts on its actors."""

    def __init__(self, node: Node, directory: Directory, pools: Mapping[str, WorkerPool]) -> None:
        self._node = node
        self._directory = directory
        self._pools = pools
        # Every process has a monotonic clock of its own, and lists are of all of them.
        self._began_at = node.clock.now().timestamp() - node.clock.monotonic()

    def watch(self, ref: Ref) -> None:
        """Have the turns of *ref* noted, now and for a while: somebody looks at it."""
        self._node.observer.watch(ref)

    @property
    def is_open(self) -> bool:
        return self._node.observer.is_open

    @property
    def is_store_available(self) -> bool:
        return self._node.writer.is_available

    def service(self, kind: str) -> str:
        """The service that actors of *kind* belong to."""
        return self._node.services[kind]

    # Looking ---------------------------------------------------------------------------------

    def overview(self) -> Overview:
        """The node as a whole."""
        resident, running = self._directory.residents, self._directory.busy
        telemetry, timers = self._node.telemetry, self._node.timers
        return Overview(
            services=[each.health for each in self._node.supervisors.values()],
            resident={kind: count for kind, count in resident.items() if count},
            running={kind: running[kind] for kind, count in resident.items() if count},
            workers=[_worker(pool) for pool in self._pools.values()],
            turns=telemetry.turns_count,
            batches=telemetry.batches_count,
            batch_turns=telemetry.committed_count,
            batch_seconds=telemetry.batches_seconds,
            due=telemetry.due_count,
            late_seconds=telemetry.late_seconds,
            timers_waiting=timers.waiting_count,
            next_timer_at=timers.next_at,
            store_available=self._node.writer.is_available,
        )

    async def actors(
        self,
        *,
        limit: int,
        service: str | None = None,
        kind: str | None = None,
        status: ActorStatus | None = None,
        key: str | None = None,
        order: Order = "key",
        after: tuple[Any, str, str] | None = None,
    ) -> list[ActorSeen]:
        """Actors in memory, and those that failed and are not; *key* is how a key begins.

        *after* is the `place` of the last one that was seen. The greatest restarts, mailboxes, idle
        times and versions come first.
        """
        moment = self._moment()
        kinds = [
            name
            for name, its in self._node.services.items()
            if kind in {None, name} and service in {None, its} and name not in self._pools
        ]
        wanted = Wanted(kinds, status, key, order, after, limit)
        failed = {*moment.crashes, *moment.troubled}  # In memory or not: who is looked for first.
        return [self._line(ref, moment) for ref in await ranked(failed, wanted, moment)]

    def actor(self, ref: Ref) -> ActorSeen:
        """One actor as a line; one that is not in memory is asleep."""
        return self._line(ref, self._moment())

    def state(self, ref: Ref) -> State | None:
        """What *ref* is, if it is in memory."""
        activation = self._directory.live.get(ref)
        return None if activation is None else activation.state

    def is_resident(self, ref: Ref) -> bool:
        """Whether *ref* is in memory."""
        return ref in self._directory.live

    def mailbox(self, ref: Ref) -> list[MessageSeen]:
        """What waits for *ref*, in the order in which it will be handled."""
        activation = self._directory.live.get(ref)
        waiting = () if activation is None else activation.mailbox.waiting()
        return [self._message(envelope) for envelope in waiting]

    def turns(self, ref: Ref) -> tuple[TurnSeen, ...]:
        """The last turns of *ref* since somebody began to look, oldest first."""
        return self._node.observer.turns(ref)

    def running(self, ref: Ref) -> tuple[str, float] | None:
        """The message that *ref* is handling, and for how many seconds.

        Also if it began before anybody looked: a handler that hangs is looked at late.
        """
        return self._node.observer.running(ref) or self._begun_unseen(ref)

    def crash(self, ref: Ref) -> Crash | None:
        """How *ref* failed last."""
        return self._node.supervisor(ref).crashes.get(ref)

    def stack(self, ref: Ref) -> list[str]:
        """Where the turn of *ref* waits, outermost first: "file:line function"."""
        task = self._task(ref)
        return [] if task is None else await_stack(task)

    # Acting ----------------------------------------------------------------------------------

    def restart(self, ref: Ref) -> None:
        """Forget what *ref* has in memory, give up its turn, and let it work again at once.

        Raises:
            NotNowError: its turn is being loaded or committed.

        """
        task = self._task(ref)
        if task is not None and not _is_in_handler(task):
            raise NotNowError("Its turn is being loaded or made durable")
        activation = self._directory.live.get(ref)
        if activation is not None:
            activation.restart(task)
        self._node.supervisor(ref).forgive(ref)
        log.warning("actor.restarted", actor=named(ref))

    def passivate(self, ref: Ref) -> None:
        """Let *ref* go from memory; its next message wakes it.

        Raises:
            NotNowError: it has work, or is suspended.

        """
        if not self._directory.passivate(ref):
            raise NotNowError("It has work, or is suspended")

    def suspend(self, ref: Ref) -> None:
        """Have *ref* handle nothing more until it is resumed, or this process ends."""
        self._directory.suspend(ref)
        log.warning("actor.suspended", actor=named(ref))

    def resume(self, ref: Ref) -> None:
        """Have *ref* go on; what it failed at before is forgiven."""
        self._node.supervisor(ref).forgive(ref)
        self._directory.resume(ref)
        log.warning("actor.resumed", actor=named(ref))

    def _task(self, ref: Ref) -> "asyncio.Task[None] | None":
        activation = self._directory.live.get(ref)
        if activation is None or not activation.is_running:
            return None
        return self._node.tasks.find(activation.task_name)

    def _begun_unseen(self, ref: Ref) -> tuple[str, float] | None:
        """What nobody has noted, from where the turn waits: the frame has the message still."""
        task = self._task(ref)
        for frame in () if task is None else _frames(task):
            if frame.f_code is _HANDLE:
                envelope: Envelope = frame.f_locals["envelope"]
                seconds = (self._node.clock.now() - frame.f_locals["now"]).total_seconds()
                return wire_name(type(envelope.message)), max(seconds, 0.0)
        return None

    def _moment(self) -> Moment:
        troubled: dict[Ref, bool] = {}
        crashes: dict[Ref, Crash] = {}
        for supervisor in self._node.supervisors.values():
            troubled.update(supervisor.troubled)
            crashes.update(supervisor.crashes)
        now = self._node.clock.monotonic()
        return Moment(now, self._began_at, self._directory.live, troubled, crashes)

    def _line(self, ref: Ref, moment: Moment) -> ActorSeen:
        activation = self._directory.live.get(ref)
        crash = moment.crashes.get(ref)
        idle_seconds, used_at, version = 0.0, UNKNOWN_AT, 0
        if activation is not None:
            used_at = self._began_at + activation.used_at
            idle_seconds = max(moment.at - activation.used_at, 0.0)
            version = 0 if activation.state is None else activation.state.version
        return ActorSeen(
            kind=ref.kind,
            key=ref.key,
            service=self._node.services[ref.kind],
            status=status_of(ref, moment),
            mailbox=0 if activation is None else len(activation.mailbox),
            version=version,
            restarts=0 if crash is None else crash.restarts,
            last_error=None if crash is None else crash.error,
            idle_seconds=idle_seconds,
            used_at=used_at,
        )

    def _message(self, envelope: Envelope) -> MessageSeen:
        queued = envelope.queued_at
        return MessageSeen(
            name=wire_name(type(envelope.message)),
            message=envelope.message,
            by=envelope.by,
            is_durable=envelope.row is not None,
            due_at=None if envelope.row is None else envelope.row.due_at,
            waits_seconds=None if queued is None else self._node.clock.monotonic() - queued,
        )


def _worker(pool: WorkerPool) -> WorkerSeen:
    return WorkerSeen(
        kind=pool.worker.kind,
        service=pool.worker.service,
        running=pool.running,
        waiting=pool.waiting,
        concurrency=pool.worker.concurrency,
    )


def await_stack(task: "asyncio.Task[Any]") -> list[str]:
    """Where *task* waits: each coroutine that waits for the next, outermost first."""
    stack = []
    for frame in _frames(task):
        code = frame.f_code
        path = "/".join(code.co_filename.rsplit("/", 2)[1:])
        stack.append(f"{path}:{frame.f_lineno} {code.co_qualname}")
    return stack


def _frames(task: "asyncio.Task[Any]") -> Iterable[Any]:
    waiting: Any = task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is not None:
            yield frame
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)


_HANDLE: Final = Activation._handle.__code__  # noqa: SLF001 - where a turn is in its handler
_BUSY: Final = {
    each.__code__
    for each in (Activation._finish, Activation._load, Activation._replayed)  # noqa: SLF001
}


def _is_in_handler(task: "asyncio.Task[Any]") -> bool:
    """Whether the turn may be given up: its handler runs, and nothing is being committed."""
    codes = {frame.f_code for frame in _frames(task)}
    return _HANDLE in codes and codes.isdisjoint(_BUSY)
