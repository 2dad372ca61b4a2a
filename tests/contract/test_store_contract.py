"""What every store promises: one suite over the one in memory and the one in PostgreSQL."""

from dataclasses import replace

import msgspec
import pytest

from actors import CommitRefusedError, Store
from actors.message import encode
from actors.store import Answer, Outcome
from tests.support.counter import CounterState, counter
from tests.support.stores import BAD, Line, Maker, World, committed

COMMITTED, STALE, FENCED = Outcome.COMMITTED, Outcome.STALE, Outcome.FENCED


async def state(store: Store, key: str = "a") -> CounterState | None:
    return (await store.load([counter(key)])).get(counter(key))


async def test_a_first_turn_inserts_the_row_and_its_facts(
    world: World, store: Store, make: Maker
) -> None:
    await committed(store, make.commit("a", amount=5, note="first"))
    assert await state(store) == CounterState(id="a", version=1, total=5, note="first")
    assert await world.journal("a") == [
        Line(1, 0, "counter.added", {"fact": "counter.added", "amount": 5}),
        Line(1, 1, "counter.noted", {"fact": "counter.noted", "note": "first"}),
    ]


async def test_only_those_who_have_a_row_are_loaded(store: Store, make: Maker) -> None:
    await committed(store, make.commit("a"), make.commit("b", amount=2))
    found = await store.load([counter("a"), counter("b"), counter("c")])
    assert found == {
        counter("a"): CounterState(id="a", version=1, total=1),
        counter("b"): CounterState(id="b", version=1, total=2),
    }


async def test_a_row_is_updated_only_from_the_version_it_has(
    world: World, store: Store, make: Maker
) -> None:
    await committed(store, make.commit("a"))
    await committed(store, make.commit("a", expected=1, amount=2))
    for expected in (0, 1, 3):
        late = make.commit("a", expected=expected, amount=50)
        assert await store.commit([late]) == [STALE]
    found = await state(store)
    assert found is not None
    assert (found.version, found.total) == (2, 2)
    assert [line.version for line in await world.journal("a")] == [1, 2]


async def test_a_row_that_was_lost_is_not_resurrected(
    world: World, store: Store, make: Maker
) -> None:
    assert await store.commit([make.commit("a", expected=3)]) == [STALE]
    assert await state(store) is None
    assert await world.journal("a") == []


@pytest.mark.parametrize("expected", [0, 1, 3])
async def test_a_turn_that_records_nothing_still_proves_its_version(
    world: World, store: Store, make: Maker, expected: int
) -> None:
    await committed(store, make.commit("a"), make.commit("b"))
    await committed(store, make.commit("a", expected=1))
    told = make.row("c")
    late = make.commit("a", expected=expected, amount=None, sends=[told])
    assert await store.commit([late]) == [STALE]
    assert await world.inbox() == {}


async def test_an_actor_without_a_row_may_tell_without_recording(
    world: World, store: Store, make: Maker
) -> None:
    told = make.row("c")
    await committed(store, make.commit("a", amount=None, sends=[told]))
    assert set(await world.inbox()) == {told.id}
    assert await state(store) is None


async def test_everything_of_a_turn_that_wins_is_written(
    world: World, store: Store, make: Maker
) -> None:
    cause, told, timer = make.row("a"), make.row("b"), make.row("a", name="later", seconds=60)
    old = make.row("a", name="old", seconds=60)
    await store.send([cause, old])
    turn = make.commit(
        "a", consumed=cause, sends=[told, timer], cancels=["old"], marks=[1, 2], ask_id="ask"
    )
    await committed(store, turn)
    assert await world.inbox() == {told.id: told, timer.id: timer}
    assert await world.marks() == [("a", 1), ("a", 2)]
    answer = await store.answer("ask")
    assert answer is not None
    assert (answer.digest, msgspec.json.decode(answer.reply)) == ("digest", 1)


async def test_nothing_of_a_turn_that_loses_is_written(
    world: World, store: Store, make: Maker
) -> None:
    await committed(store, make.commit("a"))
    cause, told, old = make.row("a"), make.row("b"), make.row("a", name="old", seconds=60)
    await store.send([cause, old])
    turn = make.commit("a", consumed=cause, sends=[told], cancels=["old"], marks=[1], ask_id="ask")
    winner = make.commit("b", marks=[7])
    assert await store.commit([turn, winner]) == [STALE, COMMITTED]
    assert set(await world.inbox()) == {cause.id, old.id}
    assert await world.marks() == [("b", 7)]
    assert await store.answer("ask") is None


async def test_a_turn_loses_when_the_message_that_caused_it_is_gone(
    world: World, store: Store, make: Maker
) -> None:
    cause = make.row("a")
    assert await store.commit([make.commit("a", consumed=cause)]) == [STALE]
    assert await state(store) is None
    await store.send([cause])
    await committed(store, make.commit("a", consumed=cause))
    again = make.commit("a", expected=1, consumed=cause)
    assert await store.commit([again]) == [STALE]
    assert [line.version for line in await world.journal("a")] == [1]


async def test_a_turn_loses_when_the_timer_that_caused_it_has_been_replaced(
    world: World, store: Store, make: Maker
) -> None:
    first, second = make.row("a", name="tick"), make.row("a", name="tick")
    await store.send([first])
    await store.send([second])
    assert set(await world.inbox()) == {second.id}
    assert await store.commit([make.commit("a", consumed=first)]) == [STALE]
    await committed(store, make.commit("a", consumed=second))
    assert await world.inbox() == {}


async def test_a_timer_that_is_consumed_and_set_again_is_there_once(
    world: World, store: Store, make: Maker
) -> None:
    first, second = make.row("a", name="tick"), make.row("a", name="tick", seconds=5)
    await store.send([first])
    await committed(store, make.commit("a", consumed=first, sends=[second]))
    assert await world.inbox() == {second.id: second}


async def test_a_timer_that_is_consumed_and_cancelled_is_gone(
    world: World, store: Store, make: Maker
) -> None:
    timer = make.row("a", name="tick")
    await store.send([timer])
    await committed(store, make.commit("a", consumed=timer, cancels=["tick"]))
    assert await world.inbox() == {}


async def test_a_named_message_replaces_its_namesake_at_the_same_actor_only(
    world: World, store: Store, make: Maker
) -> None:
    here, there = make.row("a", name="tick"), make.row("b", name="tick")
    other, unnamed = make.row("a", name="tock"), make.row("a")
    await store.send([here, there, other, unnamed])
    again = make.row("a", name="tick", seconds=9)
    await committed(store, make.commit("c", amount=None, sends=[again]))
    assert set(await world.inbox()) == {there.id, other.id, unnamed.id, again.id}


async def test_a_replacement_begins_anew_even_if_its_namesake_was_parked(
    world: World, store: Store, make: Maker
) -> None:
    parked = make.row("a", name="tick")
    await store.send([parked])
    await store.postpone(parked, make.now, "no", parked=True)
    again = make.row("a", name="tick")
    await store.send([again])
    assert await world.parked() == {}
    assert await world.inbox() == {again.id: again}


async def test_a_worker_has_no_version_to_prove(world: World, store: Store, make: Maker) -> None:
    errand, outcome = make.row("a", kind="courier"), make.row("a")
    await store.send([errand])
    done = make.commit("a", expected=None, amount=None, consumed=errand, sends=[outcome])
    await committed(store, done)
    assert set(await world.inbox()) == {outcome.id}
    assert await store.commit([done]) == [STALE]


async def test_who_has_lost_a_partition_writes_nothing_and_the_others_do(
    world: World, store: Store, make: Maker
) -> None:
    lost, kept = make.commit("a", marks=[1], ask_id="ask"), make.commit("b", marks=[2])
    assert lost.partition != kept.partition
    await world.give_away(lost.partition)
    assert await store.commit([lost, kept]) == [FENCED, COMMITTED]
    assert await state(store) is None
    assert await world.journal("a") == []
    assert await world.marks() == [("b", 2)]
    assert await store.answer("ask") is None


async def test_an_older_epoch_of_the_same_owner_writes_nothing(
    world: World, store: Store, make: Maker
) -> None:
    turn = make.commit("a", epochs={each: epoch - 1 for each, epoch in world.epochs.items()})
    assert await store.commit([turn]) == [FENCED]
    assert await world.journal("a") == []


async def test_bad_data_is_refused_and_nothing_of_the_batch_is_written(
    world: World, store: Store, make: Maker
) -> None:
    world.refuse("b")
    good, bad = make.commit("a"), make.commit("b", note=BAD)
    with pytest.raises(CommitRefusedError):
        await store.commit([good, bad])
    assert await store.load([counter("a"), counter("b")]) == {}
    await committed(store, good)


async def test_an_ask_is_answered_once(world: World, store: Store, make: Maker) -> None:
    await committed(store, make.commit("a", amount=3, ask_id="ask"))
    with pytest.raises(CommitRefusedError):
        await store.commit([make.commit("b", amount=4, ask_id="ask")])
    assert await world.journal("b") == []
    answer = await store.answer("ask")
    assert answer is not None
    assert msgspec.json.decode(answer.reply) == 3
    assert await store.answer("other") is None


async def test_an_answer_is_what_was_replied(store: Store, make: Maker) -> None:
    await committed(store, make.commit("a", amount=3, ask_id="ask"))
    assert await store.answer("ask") == Answer("ask", "digest", encode(3))


async def test_an_answer_may_be_nothing(store: Store, make: Maker) -> None:
    nothing = Answer("ask", "digest", encode(None))
    await committed(store, replace(make.commit("a", amount=3), answer=nothing))
    assert await store.answer("ask") == nothing
