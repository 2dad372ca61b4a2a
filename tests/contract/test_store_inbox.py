"""What every store promises of its inbox: what is due, set aside, replayed and discarded."""

from datetime import datetime, timedelta

import msgspec
import pytest

from actors import Store
from tests.support.counter import Add
from tests.support.stores import Maker, World, committed

FIRST_ID = "00000000-0000-0000-0000-000000000000"


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
