"""Durable messages in memory: those due now or soon, in order, with one sleeper for all of them.

A timer is an inbox row; the table is the truth. Here are only the rows due within a window; the
sleeper wakes when the earliest is due. Rows due now are also looked for every second, so that a
message put into the table by somebody else - another process, a command - is found, and a lost one
costs a second.

A row is *waiting* until it is due, then *in flight* until its turn has been committed or it has
been postponed; one that is just being written is in flight too, because whoever writes it will add
it. Whatever the loader reads is compared with both, so no row is delivered twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from actors.clock import Clock
from actors.doing import doing
from actors.errors import StoreUnavailableError
from actors.ref import Ref
from actors.store import InboxRow, Store
from actors.telemetry import Telemetry
from actors.waiting import Waiting

__all__ = ["Timers"]

log = structlog.get_logger("actors.timers")

# Rows due within the window are in memory. A minute is short enough that a million reservations
# of 15 minutes hold only a fifteenth of their timers here, long enough that loading is rare.
WINDOW = timedelta(seconds=60)
REFILL_SECONDS = 20.0
SWEEP_SECONDS = 1.0
PAGE_ROWS = 1000

# After an outage everything is overdue at once. So many turns keep the writer busy for a second or
# two; the next sweep fetches more.
IN_FLIGHT_MAX = 20_000

# Before every other id of an instant.
_FIRST_ID = "00000000-0000-0000-0000-000000000000"


class Timers:
    """Which rows are due when, and who is told."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        telemetry: Telemetry,
        deliver: Callable[[InboxRow], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._deliver = deliver
        self._waiting = Waiting()
        self._in_flight: set[str] = set()
        self._done_while_loading: set[str | tuple[Ref, str]] = set()
        self._horizon: datetime | None = None
        self._loaded_until: datetime | None = None
        self._earlier = asyncio.Event()
        self._reading = asyncio.Lock()

    def add(self, row: InboxRow) -> None:
        """Take *row* in: delivered at once if it is due, kept if it is due soon, else left."""
        if row.name is not None:
            self.forget(row.ref, row.name)
        self._accept(row)

    def found(self, row: InboxRow) -> None:
        """*row* is in the table, and may be known already."""
        self._take((row,))

    def forget(self, ref: Ref, name: str) -> None:
        """The timer *name* of *ref* was cancelled, or is being replaced."""
        self._done_while_loading.add((ref, name))
        self._replace(ref, name)

    @contextmanager
    def writing(self, rows: Iterable[InboxRow]) -> Iterator[None]:
        """Within the context *rows* are being written; whoever reads them leaves them alone."""
        ids = [row.id for row in rows]
        self._in_flight.update(ids)
        try:
            yield
        finally:
            self._in_flight.difference_update(ids)

    def finished(self, row: InboxRow) -> None:
        """*row* has been consumed, or is set aside."""
        self._in_flight.discard(row.id)
        self._done_while_loading.add(row.id)

    def lose(self, is_lost: Callable[[InboxRow], bool]) -> None:
        """Forget the rows that *is_lost* names: somebody else delivers them."""
        self._waiting.drop(is_lost)

    def release(self, ref: Ref, now: datetime) -> None:
        """Deliver the timers of *ref* that are due at *now*, ahead of the sleeper."""
        rows = self._waiting.of(ref)
        if not rows:
            return  # Most have none; this comes before every turn.
        for row in sorted(row for row in rows if row.due_at <= now):
            doing.set(None)  # It is not sent by what this task did before.
            self._waiting.remove(row)
            self._send(row)

    @property
    def waiting_count(self) -> int:
        """How many are in memory and not due yet."""
        return len(self._waiting)

    @property
    def next_at(self) -> datetime | None:
        """When the next one is due."""
        return self._waiting.next_at

    async def load_anew(self) -> None:
        """Read the window once more from its beginning: partitions have come."""
        self._loaded_until = None
        await self.load()

    async def load(self) -> None:
        """Read what is due within the window; after this nothing that is due is unknown."""
        horizon = self._clock.now() + WINDOW
        after = None if self._loaded_until is None else (self._loaded_until, _FIRST_ID)
        self._horizon = horizon  # Before reading: what is set meanwhile must not fall in between.
        if await self._read(horizon, after):
            self._loaded_until = horizon

    async def run(self) -> None:
        """Deliver what becomes due, until cancelled."""
        while True:
            self._earlier.clear()
            pause = self._seconds_to_next()
            if pause > 0:
                await self._wait_for_earlier(pause)
            self._fire(self._clock.now())

    async def keep_loaded(self) -> None:
        """Move the window along and look for what was missed, until cancelled."""
        loaded_at = self._clock.monotonic()
        while True:
            await self._clock.sleep(SWEEP_SECONDS)
            try:
                await self._read(self._clock.now(), None)
                began_at = self._clock.monotonic()
                if began_at - loaded_at >= REFILL_SECONDS:
                    await self.load()
                    loaded_at = began_at
            except StoreUnavailableError as error:
                log.warning("timers.not_loaded", why=str(error))
            self._telemetry.timers_waiting.set(len(self._waiting))

    def _seconds_to_next(self) -> float:
        next_at = self._waiting.next_at
        if next_at is None:
            return REFILL_SECONDS
        return min((next_at - self._clock.now()).total_seconds(), REFILL_SECONDS)

    async def _wait_for_earlier(self, seconds: float) -> None:
        """Sleep *seconds*, or until a timer is set that is due before all others."""
        try:
            async with asyncio.timeout(seconds):
                await self._earlier.wait()
        except TimeoutError:
            pass

    def _fire(self, now: datetime) -> None:
        while (row := self._waiting.take_due(now)) is not None:
            self._send(row)

    async def _read(self, before: datetime, after: tuple[datetime, str] | None) -> bool:
        """Take in what is due before *before*; False if there is more than can be in flight."""
        async with self._reading:  # One at a time: they share what was done meanwhile.
            while True:
                self._done_while_loading.clear()
                page = await self._store.due(before, after, PAGE_ROWS)
                self._take(page)
                if len(page) < PAGE_ROWS:
                    return True
                if len(self._in_flight) > IN_FLIGHT_MAX:
                    return False  # The next sweep goes on.
                after = (page[-1].due_at, page[-1].id)

    def _take(self, page: Iterable[InboxRow]) -> None:
        """Take in what was read; what has changed since it was asked for is known better."""
        for row in page:
            if row.id in self._in_flight or row.id in self._waiting:
                continue
            if row.id in self._done_while_loading:
                continue
            if row.name is not None:
                if (row.ref, row.name) in self._done_while_loading:
                    continue
                self._replace(row.ref, row.name)
            self._accept(row)

    def _accept(self, row: InboxRow) -> None:
        if row.due_at <= self._clock.now():
            self._send(row)
        elif self._horizon is not None and row.due_at <= self._horizon:
            self._wait(row)

    def _replace(self, ref: Ref, name: str) -> None:
        for row in self._waiting.of(ref):
            if row.name == name:
                self._waiting.remove(row)

    def _wait(self, row: InboxRow) -> None:
        if self._waiting.add(row):
            self._earlier.set()

    def _send(self, row: InboxRow) -> None:
        self._in_flight.add(row.id)
        self._deliver(row)
