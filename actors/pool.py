"""The workers of one kind on this node: so many effects at a time, over all keys.

Durable messages to workers have waited in the inbox and are never refused; asks wait in a bounded
queue. Whatever an effect tells is committed together with the removal of its message.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Collection

import structlog

from actors import tracing
from actors.errors import (
    ActorError,
    CrashedError,
    ExpiredError,
    OverloadedError,
    RefusalError,
    UnavailableError,
)
from actors.mailbox import Envelope
from actors.message import wire_name
from actors.node import Node
from actors.store import Commit, InboxRow, Outcome
from actors.worker import Effect, Worker

__all__ = ["WorkerPool"]

log = structlog.get_logger("actors.pool")


class WorkerPool:
    """Runs the effects of one kind of worker."""

    def __init__(self, worker: Worker, node: Node) -> None:
        self._worker = worker
        self._node = node
        self._queue: deque[Envelope] = deque()
        self._asks_waiting = 0
        self._running = 0
        self._partitions: Counter[int] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, envelope: Envelope) -> None:
        """Queue *envelope*.

        Raises:
            OverloadedError: as many asks are waiting as are worth waiting for.

        """
        if self._running < self._worker.concurrency:
            self._running += 1
            self._idle.clear()
            self._node.tasks.start(self._run(envelope), f"work {self._worker.kind}")
            return
        if envelope.row is None:
            if self._asks_waiting >= self._worker.queue_size_max:
                raise OverloadedError(f"{self._asks_waiting} are waiting for {envelope.ref.kind}")
            self._asks_waiting += 1
        self._queue.append(envelope)

    @property
    def running(self) -> int:
        """Effects that run."""
        return self._running

    @property
    def waiting(self) -> int:
        """Messages that wait for one of them to end."""
        return len(self._queue)

    def is_busy(self, partitions: Collection[int]) -> bool:
        """Whether an effect of *partitions* runs."""
        return any(count and each in partitions for each, count in self._partitions.items())

    @property
    def worker(self) -> Worker:
        return self._worker

    def shed(self) -> None:
        """Let go of the durable messages that wait: they are in the inbox for the next process."""
        self._queue = deque(envelope for envelope in self._queue if envelope.row is None)

    async def drained(self) -> None:
        """Returns when no effect is running or waiting."""
        await self._idle.wait()

    async def _run(self, envelope: Envelope) -> None:
        """Do *envelope*, and then what has been waiting."""
        await self._step(envelope)
        while self._queue:
            envelope = self._queue.popleft()
            if envelope.row is None:
                self._asks_waiting -= 1
            await self._step(envelope)
        self._running -= 1
        if not self._running:
            self._idle.set()

    async def _step(self, envelope: Envelope) -> None:
        if envelope.row is None and envelope.deadline <= self._node.clock.monotonic():
            envelope.fail(ExpiredError("It waited too long for a worker", executed="no"))
            return
        self._node.begin(envelope)
        partition = self._node.placement.partition(envelope.ref)
        self._partitions[partition] += 1
        try:
            await self._do(envelope)
        finally:
            self._partitions[partition] -= 1
            if self._node.tracer is not None:
                tracing.end()

    async def _do(self, envelope: Envelope) -> None:
        row = envelope.row
        effect = Effect(
            key=envelope.ref.key,
            now=self._node.clock.now(),
            by=envelope.by,
            may_be_repeat=row is not None and (row.found or row.attempts > 0),
        )
        supervisor = self._node.supervisor(envelope.ref)
        try:
            supervisor.admit(envelope.ref)
            handler = self._worker.handlers[type(envelope.message)]
            reply = await handler.function(self._worker, envelope.message, effect)
            if row is not None:
                await self._finish(effect, envelope, row)
        except RefusalError as refusal:
            self._count(envelope, "refused")
            envelope.fail(refusal)
            if row is not None:
                await self._node.set_aside(row, refusal, parks=self._worker.parks)
        except Exception as error:  # noqa: BLE001 - whatever an effect raises is supervised
            await self._failed(envelope, error)
        else:
            supervisor.worked(envelope.ref)
            self._count(envelope, "done")
            envelope.answer(reply)

    async def _finish(self, effect: Effect, envelope: Envelope, row: InboxRow) -> None:
        node = self._node
        epoch = node.placement.epoch(row.partition)
        if epoch is None:
            raise UnavailableError("The worker's partition has moved")
        commit = Commit(
            ref=envelope.ref,
            partition=row.partition,
            epoch=epoch,
            cause=wire_name(type(envelope.message)),
            at=effect.now,
            by=envelope.by,
            expected=None,
            consumed=row,
            sends=tuple(node.row(send, envelope.by) for send in effect.sends),
        )
        outcome = await node.commit(commit)
        if outcome is not Outcome.COMMITTED:
            raise UnavailableError(f"The outcome of an effect was not kept: {outcome.value}")

    async def _failed(self, envelope: Envelope, error: Exception) -> None:
        if isinstance(error, ActorError):
            self._count(envelope, "unavailable")
            envelope.fail(error)
        else:
            self._count(envelope, "crashed")
            cause = wire_name(type(envelope.message))
            self._node.supervisor(envelope.ref).crashed(envelope.ref, cause, error)
            envelope.fail(CrashedError())
        if envelope.row is not None:
            await self._node.set_aside(envelope.row, error, parks=self._worker.parks)

    def _count(self, envelope: Envelope, outcome: str) -> None:
        if self._node.tracer is not None:
            tracing.outcome(outcome)
        self._node.telemetry.turned(envelope.ref.kind, outcome)
