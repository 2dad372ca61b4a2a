"""The rounds in which the running system checks itself, against a real market."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from actors import SystemClock
from actors.postgres_session import READ_SETTINGS, prepare_session
from tests.support.market import Meddler
from ticketing.fsck import rounds
from ticketing.fsck.rounds import Rounds
from ticketing.reads import Reads

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Checked:
    """The rounds of one process on a market, and what is known of it."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.rounds = Rounds(pool, SystemClock())
        self.reads = Reads(pool)

    async def round(self) -> rounds.Health:
        """Go through all of it once."""
        before = (await rounds.read(self.reads)).last_ended_at
        while (health := await rounds.read(self.reads)).last_ended_at == before:
            assert await self.rounds.slice()
        return health


@pytest_asyncio.fixture(loop_scope="session")
async def checked(meddler: Meddler, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Checked]:
    monkeypatch.setattr(rounds, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(rounds, "SLICE_ACTORS", 2)
    pool = asyncpg.create_pool(
        meddler.market.dsn, min_size=1, max_size=2, init=prepare_session,
        server_settings=READ_SETTINGS,
    )  # fmt: skip
    async with pool:
        await pool.execute("update ledger_health set step = 0, after = ''")
        yield Checked(pool)


def counted(checked: Checked, name: str) -> dict[str, float]:
    found = {}
    for metric in checked.rounds.metrics:
        for family in metric.collect():
            if family.name == name:
                for sample in family.samples:
                    if sample.name.endswith("_total"):
                        found[next(iter(sample.labels.values()))] = sample.value
    return found


async def test_a_healthy_market_is_gone_through_and_nothing_is_found(checked: Checked) -> None:
    health = await checked.round()
    assert health.last_violations == health.last_failed == 0
    assert health.last_actors == await checked.reads.value(
        "select (select count(*) from tickets) + (select count(*) from orders)"
        " + (select count(*) from payments)"
    )
    assert health.last_actors > 2 * rounds.SLICE_ACTORS, "it took several slices"
    assert health.actors == 0, "the next round has begun"


async def test_what_is_broken_is_named_without_what_is_in_it(
    checked: Checked, meddler: Meddler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "EXAMPLES_MAX", 5)
    await meddler.sql("update tickets set title = 'Forged', delivery = 'secret'")
    health = await checked.round()
    assert health.last_violations > len(health.last_examples) == 5
    assert health.last_examples[0] == "fold: ticket t-acting"
    assert not [each for each in health.last_examples if "Forged" in each or "secret" in each]
    assert counted(checked, "ticketing_ledger_violations")["fold"] > 2


async def test_a_slice_that_fails_is_counted_and_the_round_goes_on(
    checked: Checked, meddler: Meddler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await meddler.sql("update tickets set title = 'Forged' where id = 't-free'")
    monkeypatch.setattr(rounds, "RULES", {**rounds.RULES, "live": "select 1 / 0"})
    health = await checked.round()
    assert health.last_failed == 1
    assert health.last_examples == ["fold: ticket t-free"]
    assert counted(checked, "ticketing_ledger_slices")["failed"] == 1
    monkeypatch.undo()


async def test_an_actor_that_cannot_be_looked_at_hides_its_page_and_no_more(
    checked: Checked, meddler: Meddler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await meddler.sql("update tickets set title = 'Forged'")
    whole = rounds.history.page

    async def stumbles(*arguments: Any, after: str, **options: Any) -> Any:
        if arguments[1] == "ticket" and not after:
            raise KeyError("the first page")
        return await whole(*arguments, after=after, **options)

    monkeypatch.setattr(rounds.history, "page", stumbles)
    health = await checked.round()
    tickets = await checked.reads.value("select count(*) from tickets")
    assert (health.last_failed, health.last_violations) == (1, tickets - rounds.SLICE_ACTORS)


async def test_a_round_of_a_release_with_more_rules_is_ended(
    checked: Checked, meddler: Meddler
) -> None:
    await meddler.sql("update ledger_health set step = 1000")
    assert await checked.rounds.slice()
    assert (await checked.round()).last_failed == 0


async def test_what_takes_too_long_is_given_up(
    checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "SLICE_SECONDS", 0.05)
    monkeypatch.setattr(rounds, "RULES", {**rounds.RULES, "live": "select pg_sleep(20)"})
    while not counted(checked, "ticketing_ledger_slices").get("failed"):
        assert await checked.rounds.slice()


async def test_of_many_processes_one_checks_at_a_time(checked: Checked, meddler: Meddler) -> None:
    other = await asyncpg.connect(meddler.market.dsn)
    try:
        async with other.transaction():
            await other.execute("select from ledger_health for update")
            assert not await checked.rounds.slice()
    finally:
        await other.close()
