"""What every store promises when it is not alone, and when nobody knows what became of a commit."""

import asyncio
from datetime import UTC

import pytest

from actors import Store, StoreUnavailableError
from actors.store import Commit, Outcome
from tests.support.counter import CounterState, counter
from tests.support.stores import Maker, PostgresWorld, World, committed
from tests.support.wait import until

COMMITTED, STALE, FENCED = Outcome.COMMITTED, Outcome.STALE, Outcome.FENCED


async def known_outcome(store: Store, commit: Commit) -> Outcome:
    """What the writer does: commit, and ask again if the connection was lost."""
    try:
        (outcome,) = await store.commit([commit])
    except StoreUnavailableError:
        assert await store.settle([commit]) == [False]
        (outcome,) = await store.commit([commit])
    return outcome


async def test_a_node_that_was_declared_dead_writes_nothing_any_more(
    world: World, store: Store, make: Maker
) -> None:
    await committed(store, make.commit("a"))
    await world.another_node()
    late = make.commit("a", expected=1, marks=[9])
    assert await known_outcome(store, late) is FENCED
    assert [line.version for line in await world.journal("a")] == [1]
    assert await world.marks() == []


async def test_the_next_node_goes_on_where_the_last_one_ended(
    world: World, store: Store, make: Maker
) -> None:
    await committed(store, make.commit("a"))
    second, epochs = await world.another_node()
    assert set(epochs) == set(world.epochs)
    assert all(epochs[each] == world.epochs[each] + 1 for each in epochs)
    assert await second.load([counter("a")]) == {
        counter("a"): CounterState(id="a", version=1, total=1)
    }
    await committed(second, make.commit("a", expected=1, epochs=epochs))
    assert [line.version for line in await world.journal("a")] == [1, 2]


async def test_what_is_due_is_due_at_the_node_that_owns_it(
    world: World, store: Store, make: Maker
) -> None:
    row = make.row("a")
    await store.send([row])
    second, _ = await world.another_node()
    assert [each.id for each in await second.due(make.now, None, 9)] == [row.id]
    try:
        found = await store.due(make.now, None, 9)
    except StoreUnavailableError:
        found = await store.due(make.now, None, 9)
    assert found == []


async def test_a_heartbeat_says_what_time_it_is(store: Store) -> None:
    first, second = await store.heartbeat(), await store.heartbeat()
    assert first is not None
    assert second is not None
    assert first.tzinfo == UTC
    assert first <= second


async def test_a_node_that_was_declared_dead_hears_it_at_its_heartbeat(
    world: World, store: Store
) -> None:
    second, _ = await world.another_node()
    with_patience = 3  # Its sessions were ended: a heartbeat or two may find that out first.
    for _ in range(with_patience):
        try:
            assert await store.heartbeat() is None
        except StoreUnavailableError:
            continue
        break
    assert await second.heartbeat() is not None


async def test_who_has_left_is_not_waited_for(world: World, store: Store, make: Maker) -> None:
    await committed(store, make.commit("a"))
    await store.leave()
    second, epochs = await world.next_node()
    assert set(epochs) == set(world.epochs)
    await committed(second, make.commit("a", expected=1, epochs=epochs))


async def test_a_commit_whose_answer_was_lost_has_landed(
    world: World, store: Store, make: Maker
) -> None:
    await committed(store, make.commit("b"))
    errand, told = make.row("c", kind="courier"), make.row("d")
    await store.send([errand])
    batch = [
        make.commit("a"),
        make.commit("b", expected=1, amount=2),
        make.commit("c", expected=None, amount=None, consumed=errand),
        make.commit("e", amount=None, sends=[told]),
    ]
    await world.commit_unheard(batch)
    assert await store.settle(batch) == [True] * 4
    assert [line.version for line in await world.journal("b")] == [1, 2]
    await committed(store, make.commit("a", expected=1))


async def test_a_commit_that_broke_off_has_not_landed(
    world: World, store: Store, make: Maker
) -> None:
    await committed(store, make.commit("b"))
    errand, told = make.row("c", kind="courier"), make.row("d")
    await store.send([errand])
    batch = [
        make.commit("a"),
        make.commit("b", expected=1, amount=2),
        make.commit("c", expected=None, amount=None, consumed=errand),
        make.commit("e", amount=None, sends=[told]),
    ]
    await world.fail_to_commit(batch)
    assert await store.settle(batch) == [False] * 4
    await committed(store, *batch)


async def test_a_batch_of_which_a_part_won_settles_part_by_part(
    world: World, store: Store, make: Maker
) -> None:
    await committed(store, make.commit("a"))
    batch = [make.commit("a", expected=7), make.commit("b")]
    await world.commit_unheard(batch)
    assert await store.settle(batch) == [False, True]


async def test_what_another_node_wrote_is_not_taken_for_ones_own(
    world: World, store: Store, make: Maker
) -> None:
    mine = make.commit("a", amount=1)
    await world.fail_to_commit([mine])
    second, epochs = await world.another_node()
    await committed(second, make.commit("a", amount=50, epochs=epochs))
    assert await settled(store, mine) is False


async def test_what_has_landed_has_landed_although_others_went_on_from_there(
    world: World, store: Store, make: Maker
) -> None:
    mine = make.commit("a", amount=1)
    await world.commit_unheard([mine])
    second, epochs = await world.another_node()
    await committed(second, make.commit("a", expected=1, epochs=epochs))
    assert await settled(store, mine) is True


async def settled(store: Store, commit: Commit) -> bool:
    """Whether *commit* landed; the node's sessions may have been ended, so it may ask twice."""
    for _ in range(3):
        try:
            (landed,) = await store.settle([commit])
        except StoreUnavailableError:
            continue
        return landed
    raise AssertionError("the store cannot be reached any more")


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


async def test_a_take_over_waits_for_a_flush_in_flight(
    postgres: PostgresWorld, make: Maker
) -> None:
    await committed(postgres.store, make.commit("a"))
    turn = make.commit("a", expected=1)
    take = "update partition set owner = gen_random_uuid(), epoch = epoch + 1 where id = $1"
    async with postgres.second_connection() as taker:
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
