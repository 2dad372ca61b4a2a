"""What every store promises: one suite over the one in memory and the one in PostgreSQL."""

from datetime import datetime, timedelta

import msgspec
import pytest

from actors import CommitRefusedError, Store
from actors.message import encode
from actors.store import Answer, Outcome
from tests.support.counter import Add, CounterState, counter
from tests.support.stores import BAD, Line, Maker, World, committed

FIRST_ID = "00000000-0000-0000-0000-000000000000"
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


async def test_due_messages_come_in_order_and_page_by_page(store: Store, make: Maker) -> None:
    rows = [make.row("a", seconds=number // 3) for number in range(20)]
    await store.send(rows)
    before = make.now + timedelta(seconds=5)
    wanted = sorted((row.due_at, row.id) for row in rows if row.due_at <= before)
    found: list[tuple[datetime, str]] = []
    after = None
    while page := await store.due(before, after, 4):
        assert len(page) <= 4
        assert all(row.found for row in page)
        after = (page[-1].due_at, page[-1].id)
        found += [(row.due_at, row.id) for row in page]
    assert found == wanted


async def test_the_first_of_all_ids_comes_before_every_message_of_its_instant(
    store: Store, make: Maker
) -> None:
    row, earlier = make.row("a"), make.row("a", seconds=-1)
    await store.send([row, earlier])
    assert [each.id for each in await store.due(make.now, (make.now, FIRST_ID), 9)] == [row.id]


async def test_a_due_message_says_what_was_sent(store: Store, make: Maker) -> None:
    row = make.row("a", name="tick")
    await store.send([row])
    (found,) = await store.due(make.now, None, 9)
    assert msgspec.structs.replace(found, found=False, body=row.body) == row
    assert msgspec.json.decode(found.body, type=Add) == Add(amount=1)


async def test_messages_of_others_partitions_are_not_due_here(
    world: World, store: Store, make: Maker
) -> None:
    theirs, ours = make.row("a"), make.row("b")
    await store.send([theirs, ours])
    await world.give_away(theirs.partition)
    assert [row.id for row in await store.due(make.now, None, 9)] == [ours.id]


async def test_a_failed_message_is_postponed(store: Store, make: Maker) -> None:
    row = make.row("a")
    await store.send([row])
    later = make.now + timedelta(seconds=7)
    postponed = await store.postpone(row, later, "no luck", parked=False)
    assert postponed is not None
    assert (postponed.id, postponed.attempts, postponed.due_at) == (row.id, 1, later)
    assert await store.due(make.now, None, 9) == []
    (found,) = await store.due(later, None, 9)
    assert found.attempts == 1
    await committed(store, make.commit("a", consumed=found))


async def test_a_failed_message_is_parked_in_place(world: World, store: Store, make: Maker) -> None:
    row = make.row("a")
    await store.send([row])
    await store.postpone(row, make.now, "hopeless", parked=True)
    assert await store.due(make.now, None, 9) == []
    assert await world.parked() == {row.id: "hopeless"}


async def test_parked_messages_are_listed_page_by_page_in_the_order_they_were_parked(
    store: Store, make: Maker
) -> None:
    rows = [make.row(key) for key in "abc"]
    await store.send(rows)
    for row in rows:
        await store.postpone(row, make.now, f"no {row.key}", parked=True)
    first = await store.parked(2, None)
    rest = await store.parked(2, (first[-1].parked_at, first[-1].row.id))
    assert [each.row.id for each in (*first, *rest)] == [row.id for row in rows]
    assert [(each.error, each.row.attempts) for each in rest] == [("no c", 1)]


async def test_a_replayed_message_is_due_as_if_it_had_never_been_tried(
    world: World, store: Store, make: Maker
) -> None:
    row = make.row("a", name="tick", seconds=-60)
    await store.send([row])
    await store.postpone(row, make.now + timedelta(days=9000), "no", parked=True)
    replayed = await store.replay(row.id)
    assert replayed is not None
    assert (replayed.id, replayed.name, replayed.attempts) == (row.id, "tick", 0)
    assert await world.parked() == {}
    assert await store.due(replayed.due_at, None, 9) == [replayed]
    await committed(store, make.commit("a", consumed=replayed))
    assert await store.replay(row.id) is None


async def test_a_discarded_message_is_gone(world: World, store: Store, make: Maker) -> None:
    row = make.row("a")
    await store.send([row])
    await store.postpone(row, make.now, "no", parked=True)
    assert await store.discard(row.id)
    assert not await store.discard(row.id)
    assert (await world.parked(), await world.inbox()) == ({}, {})


@pytest.mark.parametrize("row_id", [FIRST_ID, "no id at all"])
async def test_only_what_is_parked_is_replayed_or_discarded(
    world: World, store: Store, make: Maker, row_id: str
) -> None:
    waiting = make.row("a")
    await store.send([waiting])
    for each in (row_id, waiting.id):
        assert await store.replay(each) is None
        assert not await store.discard(each)
    assert await world.inbox() == {waiting.id: waiting}


async def test_what_is_gone_or_somebody_elses_is_not_postponed(
    world: World, store: Store, make: Maker
) -> None:
    gone, theirs = make.row("a"), make.row("b")
    await store.send([theirs])
    await world.give_away(theirs.partition)
    for row in (gone, theirs):
        assert await store.postpone(row, make.now, "no", parked=False) is None
    assert (await world.inbox())[theirs.id].attempts == 0
