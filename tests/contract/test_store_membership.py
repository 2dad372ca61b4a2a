"""What every store promises to several nodes: who is there, who owns what, and how that changes."""

import asyncio

from actors import StoreUnavailableError
from actors.store import Member, Outcome, Owner, Store
from tests.support.counter import SERVICES
from tests.support.postgres_world import PostgresWorld
from tests.support.stores import Maker, World, committed

EVERYTHING = tuple(SERVICES)


async def dead_free(store: Store) -> list[str]:
    return [member.id for member in (await store.members()).nodes]


async def test_who_joins_is_there_and_owns_nothing(world: World, store: Store) -> None:
    second = await world.one_more(("auth", "tickets"))
    members = await store.members()
    assert members == await second.members()
    assert list(members.nodes) == sorted(
        [Member(store.node, EVERYTHING, "up"), Member(second.node, ("auth", "tickets"), "up")]
    )
    assert {owner.node for owner in members.owners.values()} == {store.node}
    assert {each: owner.epoch for each, owner in members.owners.items()} == world.epochs


async def test_what_somebody_alive_owns_is_not_taken(world: World, store: Store) -> None:
    second = await world.one_more(EVERYTHING)
    assert await second.bury() == []
    assert await second.take(list(world.epochs)) == {}
    assert {owner.node for owner in (await second.members()).owners.values()} == {store.node}


async def test_what_is_free_is_taken_once(world: World, store: Store) -> None:
    second, third = await world.one_more(EVERYTHING), await world.one_more(EVERYTHING)
    await store.leave()
    every = list(world.epochs)
    taken = await asyncio.gather(second.take(every), third.take(every))
    assert taken[0].keys() | taken[1].keys() == set(every)
    assert not taken[0].keys() & taken[1].keys()
    assert {**taken[0], **taken[1]} == {each: world.epochs[each] + 1 for each in every}


async def test_a_partition_is_handed_over(world: World, store: Store, make: Maker) -> None:
    second = await world.one_more(EVERYTHING)
    await committed(store, make.commit("a"))
    moves = dict.fromkeys(world.epochs, second.node)
    given = await store.hand_over(moves)
    assert given == {each: epoch + 1 for each, epoch in world.epochs.items()}
    late = make.commit("a", expected=1)
    assert await store.commit([late]) == [Outcome.FENCED]
    await committed(second, make.commit("a", expected=1, epochs=given))
    assert await store.hand_over(moves) == {}


async def test_nothing_is_handed_to_who_is_not_up(world: World, store: Store) -> None:
    second = await world.one_more(EVERYTHING)
    some = [*world.epochs][:3]
    await second.drain()
    assert [each.state for each in (await store.members()).nodes if each.id == second.node] == [
        "draining"
    ]
    assert await store.hand_over(dict.fromkeys(some, second.node)) == {}
    await second.leave()
    assert await store.hand_over(dict.fromkeys(some, second.node)) == {}
    assert await dead_free(store) == [store.node]


async def test_who_was_declared_dead_stays_dead(world: World, store: Store) -> None:
    second = await world.one_more(EVERYTHING)
    await second.declare_dead(store.node)
    assert await dead_free(second) == [second.node]
    some = [*world.epochs][:3]
    for attempt in (store.heartbeat, lambda: store.take(some), lambda: store.hand_over({})):
        for _ in range(9):  # Its sessions were ended: some calls find that out first.
            try:
                assert not await attempt()
            except StoreUnavailableError:
                continue
            break
    owners = (await second.members()).owners
    assert owners[some[0]] == Owner(store.node, world.epochs[some[0]])  # Free to be taken.
    assert await second.take(some) == {each: world.epochs[each] + 1 for each in some}


async def test_the_restart_of_a_server_is_noticed(postgres: PostgresWorld) -> None:
    """Where it began is what tells one life of it from the next."""
    beat = await postgres.store.heartbeat()
    assert beat is not None
    started = await postgres.connection.fetchval("select pg_postmaster_start_time()::text")
    assert beat.incarnation.endswith(started)


async def test_a_take_over_waits_for_a_commit_under_way(
    postgres: PostgresWorld, make: Maker
) -> None:
    commit = make.commit("a")
    second = await postgres.one_more(EVERYTHING)
    await postgres.store.leave()
    async with postgres.connection.transaction():
        await postgres.connection.execute(
            "select from partition where id = $1 for share", commit.partition
        )
        taking = asyncio.ensure_future(second.take([commit.partition]))  # noqa: TID251 - a test
        await asyncio.sleep(0)
        await postgres.until_waiting()
        assert not taking.done()
    assert await taking == {commit.partition: postgres.epochs[commit.partition] + 1}
