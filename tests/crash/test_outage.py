"""The database goes away under load and comes back: callers are told, and nothing is lost.

`make crash` has the long form: longer than a node's lease, and than any wait for an answer.
"""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from tests.crash import outage
from tests.crash.outage import Attempt, Database, Market, Outages
from tests.support import postgres

Outage: TypeAlias = Callable[[Database, float], Awaitable[float]]

_PROMISED = (
    ("tickets", "/api/tickets"),
    ("orders", "/api/orders"),
    ("payments", "/api/payments"),
)


async def killed(database: Database, seconds: float) -> float:
    """The whole server is killed, and started again after so many *seconds*."""
    database.signal(signal.SIGKILL)
    await asyncio.sleep(seconds)
    await database.start()
    return outage.now()


async def frozen(database: Database, seconds: float) -> float:
    """Nothing of the server moves for so many *seconds*."""
    database.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        database.signal(signal.SIGCONT)
    return outage.now()


@pytest.mark.parametrize("happens", [killed, frozen])
async def test_a_short_outage_loses_nothing(happens: Outage) -> None:
    await survive(happens, 1.0)


@pytest.mark.crash
@pytest.mark.parametrize("seconds", [5.0, 12.0])
@pytest.mark.parametrize("happens", [killed, frozen])
async def test_a_long_outage_loses_nothing(happens: Outage, seconds: float) -> None:
    world = await survive(happens, seconds)
    assert refused(world), "nobody was told to come back"


async def survive(happens: Outage, seconds: float) -> Outages:
    """Trade through an outage, and hold the server to everything it has said."""
    async with stage() as (database, world, market):
        restarts = await world.metric("actors_restarts_total")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(market.trade())
            await market.traded(8)
            began = outage.now()
            returned = await happens(database, seconds)
            await market.traded(8)
            market.close()
        report(world, f"{happens.__name__} for {seconds:g} s", began, returned)
        check_answers(world, returned)
        await world.rest()
        for person in market.people:
            await person.holds_them_to_their_word()
        await check_effects(world, market)
        assert await world.metric("actors_restarts_total") == restarts == 0
        assert await world.metric("actors_parked_total") == 0
        assert await world.query("select count(*) from inbox where parked_at is not null") == 0
        assert await world.violations() == []
        return world


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[Database, Outages, Market]]:
    """A database, a server on it, and people with accounts."""
    with postgres.data_folder() as folder:
        async with (
            outage.database(folder / "database") as database,
            outage.running(folder, database) as world,
        ):
            market = Market(world)
            await market.open()
            yield database, world, market


def refused(world: Outages) -> list[Attempt]:
    return [each for each in world.attempts if each.status == 503]


def check_answers(world: Outages, returned: float) -> None:
    """Everybody is answered in time, and whoever is refused is told when to come back."""
    for attempt in world.attempts:
        assert attempt.ended - attempt.began < outage.ANSWERED_WITHIN_SECONDS, attempt
    for attempt in refused(world):
        assert attempt.retry_after is not None, attempt
    assert outage.first_success(world.attempts, returned) < outage.BACK_WITHIN_SECONDS
    late = [each for each in refused(world) if each.began > returned + outage.BACK_WITHIN_SECONDS]
    assert not late


async def check_effects(world: Outages, market: Market) -> None:
    """However often somebody had to ask, it happened once."""
    for table, path in _PROMISED:
        promised = sum(
            (each.path, each.answer.status) == (path, 201)
            for person in market.people
            for each in person.promises
        )
        assert await world.query(f"select count(*) from {table}") == promised, table  # noqa: S608
    assert market.purchases == await world.query("select count(*) from payments")


def report(world: Outages, what: str, began: float, returned: float) -> None:
    meanwhile = [each for each in world.attempts if began <= each.began < returned]
    slowest = max((each.ended - each.began for each in world.attempts), default=0.0)
    last = max((each.ended - returned for each in refused(world)), default=0.0)
    sys.stdout.write(
        f"{what}: asked meanwhile {dict(Counter(each.status for each in meanwhile))},"
        f" longest wait {slowest:.2f} s,"
        f" normal {outage.first_success(world.attempts, returned):.2f} s after its return,"
        f" last refusal {last:.2f} s after it\n"
    )
