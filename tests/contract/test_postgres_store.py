"""What can only go wrong with a server: sessions that end, orphans that go on, locks that wait."""

import asyncio
from typing import Any

import asyncpg
import pytest

from actors import StoreUnavailableError
from actors import postgres as postgres_store
from actors.store import Outcome
from tests.support.counter import counter
from tests.support.postgres_world import PostgresWorld, connected
from tests.support.stores import Maker, committed, known_outcome
from tests.support.wait import until

COMMITTED, FENCED = Outcome.COMMITTED, Outcome.FENCED


@pytest.fixture
def make(postgres: PostgresWorld) -> Maker:
    return Maker(postgres)


async def test_settling_ends_a_backend_that_still_runs_before_it_looks(
    postgres: PostgresWorld, make: Maker
) -> None:
    batch = [make.commit("a")]
    async with postgres.stuck_commit(batch):
        postgres.hang_up()
        assert await postgres.has_waiting_writer()
        settling = asyncio.ensure_future(postgres.store.settle(batch))  # noqa: TID251
        await until(postgres.has_no_writer, "settle has ended the orphan")
    assert await settling == [False]
    assert await postgres.journal("a") == []


async def test_a_commit_on_a_connection_that_was_ended_meanwhile_can_be_repeated(
    postgres: PostgresWorld, make: Maker
) -> None:
    await committed(postgres.store, make.commit("a"))
    await postgres.kill_writer()
    turn = make.commit("a", expected=1)
    assert await known_outcome(postgres.store, turn) is COMMITTED


async def test_a_connection_that_is_closed_between_two_steps_of_a_query_is_lost(
    postgres: PostgresWorld, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await committed(postgres.store, make.commit("a"))
    prepare = asyncpg.Connection._get_statement

    async def prepare_and_close(self: asyncpg.Connection, *what: Any, **more: Any) -> Any:
        statement = await prepare(self, *what, **more)
        self.terminate()
        return statement

    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "_get_statement", prepare_and_close)
        with pytest.raises(StoreUnavailableError):
            await postgres.store.load([counter("a")])
        with pytest.raises(StoreUnavailableError):
            await postgres.store.commit([make.commit("a", expected=1)])
    assert await known_outcome(postgres.store, make.commit("a", expected=1)) is COMMITTED


async def test_a_take_over_waits_for_a_flush_in_flight(
    postgres: PostgresWorld, make: Maker
) -> None:
    await committed(postgres.store, make.commit("a"))
    turn = make.commit("a", expected=1)
    take = "update partition set owner = gen_random_uuid(), epoch = epoch + 1 where id = $1"
    async with connected(postgres.dsn) as taker:
        async with postgres.connection.transaction():
            await postgres.connection.execute("select from counters where id = 'a' for update")
            flush = asyncio.ensure_future(postgres.store.commit([turn]))  # noqa: TID251
            await until(postgres.has_waiting_writer, "the flush is past its fence and stuck")
            taking = asyncio.ensure_future(taker.execute(take, turn.partition))  # noqa: TID251
            await until(lambda: postgres.waits(taker), "the take-over waits")
            assert not taking.done()
        assert await flush == [COMMITTED]
        await taking
    assert await postgres.store.commit([make.commit("a", expected=2)]) == [FENCED]


async def test_a_flush_that_waited_for_a_take_over_is_fenced(
    postgres: PostgresWorld, make: Maker
) -> None:
    await committed(postgres.store, make.commit("a"))
    turn = make.commit("a", expected=1)
    async with postgres.connection.transaction():
        await postgres.give_away(turn.partition)
        flush = asyncio.ensure_future(postgres.store.commit([turn]))  # noqa: TID251
        await until(postgres.has_waiting_writer, "the flush waits at the fence")
    assert await flush == [FENCED]


async def test_a_database_that_is_gone_is_unavailable(postgres: PostgresWorld) -> None:
    await postgres.close()
    with pytest.raises(StoreUnavailableError) as caught:
        await postgres.store.load([counter("a")])
    assert caught.value.executed == "no"


async def test_a_read_that_is_not_answered_is_given_up_in_time_and_the_next_one_works(
    postgres: PostgresWorld, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await committed(postgres.store, make.commit("a"))
    monkeypatch.setattr(postgres_store, "READ_SECONDS", 0.1)
    async with postgres.connection.transaction():
        await postgres.connection.execute("lock table counters in access exclusive mode")
        began = asyncio.get_running_loop().time()
        with pytest.raises(StoreUnavailableError) as caught:
            await postgres.store.load([counter("a")])
        assert caught.value.executed == "no"
        assert asyncio.get_running_loop().time() - began < 2.0
    monkeypatch.undo()
    assert counter("a") in await postgres.store.load([counter("a")])


async def test_a_message_sent_on_a_connection_that_is_lost_may_have_arrived(
    postgres: PostgresWorld, make: Maker
) -> None:
    async with postgres.connection.transaction():
        await postgres.connection.execute("lock table inbox in exclusive mode")
        sending = asyncio.ensure_future(postgres.store.send([make.row("a")]))  # noqa: TID251
        await until(postgres.has_waiting_reader, "the message is on its way")
        await postgres.kill_readers()
        with pytest.raises(StoreUnavailableError) as caught:
            await sending
    assert caught.value.executed == "maybe"
