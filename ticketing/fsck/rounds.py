"""The running system checks itself: a slice of `fsck` a second, round after round.

A slice is one rule about pairs, or the histories of a few hundred actors. Where the next one begins
is a row of the database (`ledger_health`), so that of many processes one works on it at a time, and
a restart goes on where the last process was. What is found is logged and counted, and kept until
the next round: by rule and actor, and nothing of what is in them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg
import structlog
from prometheus_client import Counter

from actors import Clock
from actors.postgres_session import CONNECTION_LOST, borrowed
from ticketing.bootstrap import TABLES, placement
from ticketing.fsck import history
from ticketing.fsck.check import MAY_BE_OPEN_SECONDS, RULES
from ticketing.fsck.fragments import MAY_BE_OPEN
from ticketing.fsck.violation import Violation
from ticketing.reads import Reads

if TYPE_CHECKING:
    from asyncpg import Pool, Record

__all__ = ["Health", "Rounds", "read"]

log = structlog.get_logger("ticketing.fsck")

# So a million tickets take an hour. Folding so many keeps the event loop for a few milliseconds.
EVERY_SECONDS: Final = 1.0
SLICE_ACTORS: Final = 300

# A rule looks at whole tables. What takes longer would be in the way of those who buy, and is
# given up.
SLICE_SECONDS: Final = 5.0

# As many as anybody would look at by hand.
EXAMPLES_MAX: Final = 20

KINDS: Final = ("ticket", "order", "payment")

STEPS: Final = (*RULES, *KINDS)

HISTORY_RULES: Final = ("fold", "versions", "epoch", "partition", "journal")

_TAKE: Final = """
select step, after from ledger_health where next_at <= clock_timestamp() for update skip locked
"""

_NOTE: Final = """
update ledger_health set step = $1, after = $2, next_at = clock_timestamp() + $3,
    actors = actors + $4, failed = failed + $5, violations = violations + $6,
    examples = (examples || $7::text[])[:$8]
"""

_CLOSE: Final = """
update ledger_health set step = 0, after = '', began_at = clock_timestamp(), actors = 0, failed = 0,
    violations = 0, examples = '{}', last_began_at = began_at, last_ended_at = clock_timestamp(),
    last_actors = actors, last_failed = failed, last_violations = violations,
    last_examples = examples
where step >= $1
"""

_READ: Final = """
select last_began_at, last_ended_at, last_actors, last_failed, last_violations, last_examples,
    began_at, actors, failed, violations, examples
from ledger_health
"""


# The last key of a page, if it is full.
_END: Final = """
select id from {table} where id > $1 order by id limit 1 offset $2 - 1
"""


class Health(NamedTuple):
    """What is known of the ledger; a *last* round there is only if one has been ended."""

    last_began_at: datetime | None
    last_ended_at: datetime | None
    last_actors: int
    last_failed: int
    last_violations: int
    last_examples: list[str]
    began_at: datetime
    actors: int
    failed: int
    violations: int
    examples: list[str]


async def read(reads: Reads) -> Health:
    """How it is.

    Raises:
        UnavailableError: the database does not answer.

    """
    row = await reads.row(_READ)
    assert row is not None
    return Health(*row)


class _Slice(NamedTuple):
    """What came of one: where the next begins, how many actors it had, what it found."""

    step: int
    after: str
    actors: int = 0
    failed: int = 0
    violations: tuple[Violation, ...] = ()


class Rounds:
    """Works on the rounds for one process; `metrics` says how it goes."""

    def __init__(self, pool: "Pool[Record]", clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._places = placement()
        self._slices = Counter(
            "ticketing_ledger_slices",
            "Slices of the ledger that this node has checked, by outcome",
            ["outcome"],
            registry=None,
        )
        self._found = Counter(
            "ticketing_ledger_violations",
            "Violations that this node has found in the ledger, by rule",
            ["rule"],
            registry=None,
        )
        for rule in (*RULES, *HISTORY_RULES):
            self._found.labels(rule=rule)  # From 0 on, so that the first one is seen to be more.
        for outcome in ("checked", "failed"):
            self._slices.labels(outcome=outcome)
        self.metrics = (self._slices, self._found)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Slice after slice while the context lasts."""
        task = asyncio.ensure_future(self._run())  # noqa: TID251 - above the runtime, not in it
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(EVERY_SECONDS)
            try:
                await self.slice()
            except (*CONNECTION_LOST, asyncpg.PostgresError) as error:
                log.warning("ledger.unknown", why=str(error) or type(error).__name__)

    async def slice(self) -> bool:
        """Check the next slice, if nobody else does; whether it was one.

        One that fails, whatever the reason, is counted, and the round goes on behind it.
        """
        async with (
            borrowed(self._pool, 2 * SLICE_SECONDS) as connection,
            connection.transaction(isolation="repeatable_read"),
        ):
            try:
                place = await connection.fetchrow(_TAKE)
            except asyncpg.SerializationError:
                return False  # Another process has just done it.
            if place is None:
                return False
            step, after = place
            try:
                async with connection.transaction():  # Only what it did is undone if it fails.
                    await connection.execute(f"set local statement_timeout = '{SLICE_SECONDS:g}s'")
                    await connection.execute(MAY_BE_OPEN, f"{MAY_BE_OPEN_SECONDS} seconds")
                    done = await self._check(connection, step, after)
            except CONNECTION_LOST:
                raise  # It is looked at again.
            except Exception as error:
                log.exception("ledger.slice_failed", step=step, why=str(error))
                done = await self._behind(connection, step, after)
            await self._note(connection, done)
        return True

    async def _behind(self, connection: Any, step: int, after: str) -> _Slice:
        """Where to go on after a slice that failed."""
        end = None
        if step >= len(RULES):
            table = TABLES[STEPS[step]]
            end = await connection.fetchval(_END.format(table=table), after, SLICE_ACTORS)
        return _Slice(step + (end is None), end or "", failed=1)

    async def _check(self, connection: Any, step: int, after: str) -> _Slice:
        if step >= len(STEPS):  # An older release has fewer rules than wrote this.
            return _Slice(step, "")
        name = STEPS[step]
        if step < len(RULES):  # A kind may be called as a rule is.
            rows = await connection.fetch(RULES[name])
            found = tuple(Violation(name, row["subject"], row["detail"]) for row in rows)
            return _Slice(step + 1, "", violations=found)
        page = await history.page(connection, name, self._places, after=after, actors=SLICE_ACTORS)
        if page.end is None:
            return _Slice(step + 1, "", page.actors, violations=page.violations)
        return _Slice(step, page.end, page.actors, violations=page.violations)

    async def _note(self, connection: Any, done: _Slice) -> None:
        self._slices.labels(outcome="failed" if done.failed else "checked").inc()
        told = [f"{each.rule}: {each.subject}" for each in done.violations]
        for violation, line in zip(done.violations, told, strict=True):
            self._found.labels(rule=violation.rule).inc()
            log.error("ledger.violation", violation=line)
        await connection.execute(
            _NOTE, done.step, done.after, timedelta(seconds=EVERY_SECONDS), done.actors,
            done.failed, len(told), list(dict.fromkeys(told))[:EXAMPLES_MAX], EXAMPLES_MAX,
        )  # fmt: skip
        await connection.execute(_CLOSE, len(STEPS))
