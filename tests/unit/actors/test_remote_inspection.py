"""Looking into several nodes from one of them, and acting on an actor wherever it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
import pytest

from actors import CrashedError, Ids, Runtime, UnavailableError
from actors.inspection import NotNowError
from actors.memory import MemoryDatabase
from actors.memory_link import MemoryLink, MemoryNetwork
from actors.message import encode
from actors.placement import Placement
from actors.remote_inspection import LOOK_SECONDS, ActorsWanted, Nodes
from actors.seen import Order, place
from actors.simulation import SimulatedClock
from tests.support.counter import CRASH, SERVICES, Add, Counter, CounterState, Courier, counter
from tests.support.simulated import CountingStore, Node, database, outcome, services, simulated

PLACEMENT = Placement(SERVICES, {"counter": "tickets", "courier": "orders"})
KEYS = [f"key-{number}" for number in range(12)]


class Looking(NamedTuple):
    """A node, its line, and what it sees."""

    node: Node
    link: MemoryLink
    nodes: Nodes

    @property
    def name(self) -> str:
        return self.node.runtime.node_id


async def begin(clock: SimulatedClock, data: MemoryDatabase, network: MemoryNetwork) -> Looking:
    ids = Ids(clock, seed=1 + len(network.links))
    store, link = CountingStore(data, clock, ids), network.link()
    runtime = Runtime(
        services([Counter()], [Courier()]), store=store, clock=clock, ids=ids, link=link
    )
    await runtime.start()
    nodes = Nodes(
        runtime.inspector,
        PLACEMENT,
        clock,
        node=runtime.node_id,
        services=SERVICES,
        members=store.members,
        link=link,
    )
    nodes.count(lambda: {"sockets": 2})
    await nodes.open()
    return Looking(Node(runtime, store, clock, ids), link, nodes)


@asynccontextmanager
async def three() -> AsyncIterator[tuple[Looking, Looking, Looking]]:
    """Three nodes that share a dozen counters."""
    clock, data = SimulatedClock(), database()
    network = MemoryNetwork(clock)
    here, there, third = [await begin(clock, data, network) for _ in range(3)]
    await clock.sleep(5)
    for number, key in enumerate(KEYS):
        await here.node.ask(key, Add(amount=number + 1))
        await clock.sleep(0.5)
    try:
        yield here, there, third
    finally:
        for each in (here, there, third):
            await each.node.runtime.stop()


def of(looking: Looking) -> list[str]:
    """The keys that live there."""
    return sorted(ref.key for ref in looking.node.runtime.resident)


@simulated(seeds=2)
async def test_every_node_says_how_it_is_doing() -> None:
    async with three() as (here, *others):
        seen = await here.nodes.overviews()
        assert seen[0][0].id == here.name
        assert {member.id for member, _ in seen} == {here.name, *(each.name for each in others)}
        assert all(member.services == SERVICES for member, _ in seen)
        answered = [node for _, node in seen if node is not None]
        assert sum(node.overview.resident.get("counter", 0) for node in answered) == len(KEYS)
        assert all(node.counts == {"sockets": 2} for node in answered)


@simulated(seeds=2)
async def test_one_that_does_not_answer_is_not_waited_for() -> None:
    async with three() as (here, there, _):
        there.link.hears = False
        began = here.node.clock.monotonic()
        seen = {member.id: node for member, node in await here.nodes.overviews()}
        assert here.node.clock.monotonic() - began == pytest.approx(LOOK_SECONDS)
        assert seen[there.name] is None
        assert sum(node is not None for node in seen.values()) == 2
        lines = await here.nodes.actors(ActorsWanted(limit=50))
        assert sorted(each.line.key for each in lines) == sorted(set(KEYS) - set(of(there)))
        with pytest.raises(UnavailableError, match="does not answer"):
            await here.nodes.actor(counter(of(there)[0]))
        there.link.hears = True


@simulated(seeds=1)
@pytest.mark.parametrize("order", ["key", "version", "idle", "mailbox", "restarts"])
async def test_a_list_of_all_nodes_is_in_order_and_page_by_page_whole(order: Order) -> None:
    async with three() as (here, there, third):
        await there.node.ask(KEYS[3], Add())
        assert all(of(each) for each in (here, there, third))
        found, after = [], None
        while page := await third.nodes.actors(ActorsWanted(limit=5, order=order, after=after)):
            found += page
            after = place(page[-1].line, order)
        places = [place(each.line, order) for each in found]
        assert places == sorted(places)
        assert sorted(each.line.key for each in found) == sorted(KEYS)
        homes = {each.line.key: each.node for each in found}
        assert [key for key in sorted(KEYS) if homes[key] == there.name] == of(there)
        if order == "idle":
            assert [each.line.key for each in found[:2]] == ["key-0", "key-1"]


@simulated(seeds=1)
async def test_a_list_is_narrowed_at_each_node() -> None:
    async with three() as (here, *_):
        lines = await here.nodes.actors(ActorsWanted(limit=50, key="key-1", kind="counter"))
        assert [each.line.key for each in lines] == ["key-1", "key-10", "key-11"]
        assert await here.nodes.actors(ActorsWanted(limit=50, status="suspended")) == []


@simulated(seeds=2)
async def test_an_actor_is_seen_from_everywhere_as_from_its_own_node() -> None:
    async with three() as (here, there, third):
        key = of(there)[0]
        ref = counter(key)
        await there.nodes.actor(ref)  # From now on somebody looks, and turns are noted.
        assert await outcome(here.node, key, Add(amount=CRASH)) is CrashedError
        await here.node.ask(key, Add(amount=1))
        seen = [await each.nodes.actor(ref) for each in (here, there, third)]
        assert [node for node, _ in seen] == [there.name] * 3
        looked = [msgspec.structs.replace(each) for _, each in seen]
        assert looked[0] == looked[1] == looked[2]
        state = there.node.runtime.inspector.state(ref)
        assert state is not None
        assert looked[0].state == encode(state)
        assert msgspec.json.decode(looked[0].state, type=CounterState) == state
        assert [turn.outcome for turn in looked[0].turns] == ["crashed", "done"]
        assert looked[0].crash is not None
        assert looked[0].is_known
        assert not (await here.nodes.actor(counter("nobody")))[1].is_known


@simulated(seeds=2)
async def test_an_actor_is_suspended_and_resumed_from_another_node() -> None:
    async with three() as (here, there, _):
        ref = counter(of(there)[0])
        acted = await here.nodes.act(ref, "suspend")
        assert (acted.before.status, acted.after.status) == ("idle", "suspended")
        assert there.node.runtime.inspector.actor(ref).status == "suspended"
        with pytest.raises(NotNowError, match="suspended"):
            await here.nodes.act(ref, "passivate")
        assert (await here.nodes.act(ref, "resume")).after.status == "idle"
        assert (await here.nodes.act(ref, "passivate")).after.status == "asleep"
        assert (await here.nodes.act(ref, "restart")).after.status == "asleep"


@simulated(seeds=1)
async def test_nothing_is_done_where_it_could_not_be_noted() -> None:
    async with three() as (here, there, _):
        key = of(there)[0]
        there.node.store.is_reachable = False
        asked = asyncio.ensure_future(outcome(there.node, key, Add()))  # noqa: TID251 - a test
        await here.node.clock.sleep(1)
        with pytest.raises(UnavailableError, match="audit log"):
            await here.nodes.act(counter(key), "suspend")
        there.node.store.is_reachable = True
        await asked


@simulated(seeds=1)
async def test_while_the_store_is_away_who_was_there_is_asked() -> None:
    async with three() as (here, there, _):
        await here.nodes.overviews()
        here.node.store.is_reachable = False
        await here.node.clock.sleep(2)
        assert len(await here.nodes.overviews()) == 3
        assert (await here.nodes.actor(counter(of(there)[0])))[0] == there.name
        here.node.store.is_reachable = True


@simulated(seeds=1)
async def test_the_metrics_of_all_that_have_any() -> None:
    async with three() as (here, there, _):

        async def text() -> bytes:
            return b"metrics"

        there.nodes.exposition = text
        assert await here.nodes.expositions() == {there.name: b"metrics"}


@simulated(seeds=1)
async def test_a_question_that_makes_no_sense_is_answered_so() -> None:
    async with three() as (here, there, _):
        said = await here.link.request(f"look.{there.name}", b"what", timeout=1)
        assert b"failed" in said

        async def fails() -> bytes:
            raise RuntimeError("no")

        there.nodes.exposition = fails
        assert await here.nodes.expositions() == {}


@simulated(seeds=1)
async def test_a_node_by_itself_asks_nobody() -> None:
    clock, data = SimulatedClock(), database()
    ids = Ids(clock, seed=1)
    store = CountingStore(data, clock, ids)
    runtime = Runtime(services([Counter()], [Courier()]), store=store, clock=clock, ids=ids)
    await runtime.start()
    nodes = Nodes(
        runtime.inspector, PLACEMENT, clock,
        node=runtime.node_id, services=SERVICES, members=store.members, link=None,
    )  # fmt: skip
    await nodes.open()
    store.is_reachable = False  # So it has not been read, either.
    [(member, seen)] = await nodes.overviews()
    assert (member.id, member.services) == (runtime.node_id, SERVICES)
    assert seen is not None
    assert (await nodes.actor(counter("a")))[0] == runtime.node_id
    store.is_reachable = True
    await runtime.stop()
