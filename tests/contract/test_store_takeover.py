"""What every store promises when it is not alone, and when nobody knows what became of a commit."""

from datetime import UTC

from actors import Store, StoreUnavailableError
from actors.store import Commit, Outcome
from tests.support.counter import CounterState, counter
from tests.support.stores import Maker, World, committed, known_outcome

COMMITTED, STALE, FENCED = Outcome.COMMITTED, Outcome.STALE, Outcome.FENCED


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
    assert first.now.tzinfo == UTC
    assert first.now <= second.now
    assert first.incarnation == second.incarnation


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
        make.commit("f", amount=None, ask_id="ask"),
    ]
    await world.commit_unheard(batch)
    assert await store.settle(batch) == [True] * 5
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
        make.commit("f", amount=None, ask_id="ask"),
    ]
    await world.fail_to_commit(batch)
    assert await store.settle(batch) == [False] * 5
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
