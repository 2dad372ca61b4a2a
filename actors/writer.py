"""Group commit: every finished turn of every actor of this node, flushed together.

While one batch is being written the next one fills, and there is no other wait: a lone turn is
written at once, and under load one fsync serves hundreds.

A commit whose outcome is unknown, because the connection broke, is made known before anything else
is written: the store waits for what may still be running there and then looks. So every turn that
is submitted ends either committed or certainly not.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from actors.clock import Clock
from actors.doing import named
from actors.errors import CommitRefusedError, StoreUnavailableError, UnavailableError
from actors.failpoints import armed, failpoint
from actors.ref import Ref
from actors.store import Commit, Outcome, Store
from actors.telemetry import Telemetry

__all__ = ["Writer"]

log = structlog.get_logger("actors.writer")

# Enough to share an fsync well; few enough that a batch is written in some tens of milliseconds.
BATCH_TURNS_MAX = 512

# How long to wait before looking again whether the store is back: soon, but not in a busy loop.
OUTAGE_PAUSE_SECONDS = 0.1

_Pending = tuple[Commit, "asyncio.Future[Outcome]"]


class Writer:
    """Takes commits one by one and writes them in batches."""

    def __init__(self, store: Store, clock: Clock, telemetry: Telemetry) -> None:
        self.is_available = True
        """False while the store cannot be reached: work that would have to wait is refused."""
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._queue: deque[_Pending] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, commit: Commit) -> "asyncio.Future[Outcome]":
        """What becomes of *commit*, once that is known.

        The future raises `CommitRefusedError` if the store refuses its data, and
        `UnavailableError` if it was certainly not written because the store was out of reach.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((commit, future))
        self._wake.set()
        self._idle.clear()
        return future

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            while self._queue:
                await self._write(self._next_batch())
            self._wake.clear()
            self._idle.set()

    async def drained(self) -> None:
        """Returns when nothing is waiting to be written."""
        await self._idle.wait()

    def _next_batch(self) -> list[_Pending]:
        """The turns to write next, oldest first.

        One statement must not touch an inbox row twice. Turns of one actor never meet in a batch,
        but a named message may be sent to an actor whose own turn consumes or sets the same name;
        then the later of the two waits for the next batch, and so does all that comes behind it.
        """
        batch: list[_Pending] = []
        touched: set[tuple[Ref, str]] = set()
        while self._queue and len(batch) < BATCH_TURNS_MAX:
            names = _names(self._queue[0][0])
            if not touched.isdisjoint(names):
                break
            touched.update(names)
            batch.append(self._queue.popleft())
        return batch

    async def _write(self, batch: Sequence[_Pending]) -> None:
        commits = [commit for commit, _ in batch]
        started = self._clock.monotonic()
        _pass_failpoints("commit.before", commits)
        try:
            outcomes = await self._store.commit(commits)
        except CommitRefusedError as refused:
            await self._halve(batch, refused)
            return
        except StoreUnavailableError as error:
            self._fail_unless_landed(batch, await self._outage(commits, error))
            return
        except Exception as error:
            log.exception("commit.failed")
            await self._halve(batch, CommitRefusedError(f"{type(error).__name__}: {error}"))
            return
        _pass_failpoints("commit.after", commits)
        self._telemetry.committed(len(batch), self._clock.monotonic() - started)
        if self._queue:
            # The next batch goes out first: the store works on it while what waited for this one
            # goes on, which takes as long again.
            asyncio.get_running_loop().call_soon(_tell, batch, outcomes)
        else:
            _tell(batch, outcomes)

    async def _halve(self, batch: Sequence[_Pending], refused: CommitRefusedError) -> None:
        """Write the batch in halves until the turn with the bad data is alone."""
        if len(batch) == 1:
            commit, future = batch[0]
            log.error(
                "commit.refused", actor=named(commit.ref), cause=commit.cause, why=str(refused)
            )
            if not future.done():
                future.set_exception(refused)
            return
        middle = len(batch) // 2
        await self._write(batch[:middle])
        await self._write(batch[middle:])

    async def _outage(
        self, commits: Sequence[Commit], error: StoreUnavailableError
    ) -> Sequence[bool]:
        """Wait until the store is back and says which of *commits* landed."""
        log.warning("store.unavailable", why=str(error), turns=len(commits))
        self._telemetry.outages.inc()
        self.is_available = False
        while True:
            try:
                landed = await self._store.settle(commits)
            except StoreUnavailableError:
                await self._clock.sleep(OUTAGE_PAUSE_SECONDS)
            else:
                self.is_available = True
                log.info("store.back", landed=sum(landed), lost=len(commits) - sum(landed))
                return landed

    @staticmethod
    def _fail_unless_landed(batch: Sequence[_Pending], landed: Sequence[bool]) -> None:
        for (_, future), is_durable in zip(batch, landed, strict=True):
            if future.done():
                continue
            if is_durable:
                future.set_result(Outcome.COMMITTED)
            else:
                future.set_exception(UnavailableError("The store was out of reach"))


def _tell(batch: Sequence[_Pending], outcomes: Sequence[Outcome]) -> None:
    """Those who wait for *batch* hear its outcomes."""
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if not future.done():
            future.set_result(outcome)


def _names(commit: Commit) -> list[tuple[Ref, str]]:
    """The named inbox rows that *commit* touches."""
    names = [(commit.ref, name) for name in commit.cancels]
    names += [(send.ref, send.name) for send in commit.sends if send.name is not None]
    consumed = commit.consumed
    if consumed is not None and consumed.name is not None:
        names.append((consumed.ref, consumed.name))
    return names


def _pass_failpoints(place: str, commits: Sequence[Commit]) -> None:
    if armed:
        for commit in commits:
            failpoint(f"{place}:{commit.cause}")
