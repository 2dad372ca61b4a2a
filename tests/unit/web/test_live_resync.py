"""Several gateways: what one of them misses on the line it reads, and tells nobody anything old."""

import asyncio
from typing import Any

from actors import Change
from tests.support.clock import START
from tests.support.live_gateways import OTHER_EVENT, claims, two
from tests.support.live_world import EVENT, EVENTS, TICKET, Client, subscribed, ticket_id
from tests.support.wait import until
from ticketing.orders import OrderState, OrderStatus
from ticketing.orders.queries import OwnOrder
from ticketing.values import OrderId, UserId
from web.live.names import Kind, Name
from web.live.resync import FEED_SECONDS, TOPICS_AT_ONCE
from web.live.sources import Found, Source
from web.live.topic import ITEMS_MAX, Item, Topic


async def test_what_was_missed_is_read_and_told_once() -> None:
    line, here, there = await two()
    here.commit(1)
    client = await subscribed(there, TICKET)
    here.change(1)
    there.link.deliver(lost=True)
    await there.hub.rounds.flush()
    client.read()
    assert client.versions(TICKET) == {ticket_id(1): 1}
    here.beat()
    line.settle()
    await there.catch_up()
    client.read()
    assert client.versions(TICKET) == here.truth(TICKET)
    told = len(client.messages)
    there.bus.lost()
    await there.catch_up()
    client.read()
    assert len(client.messages) == told  # There was nothing new.
    assert there.hub.metrics.missed._value.get() == 2
    assert there.hub.metrics.reread._value.get() == 2


async def test_what_has_left_unheard_is_told_to_have_left() -> None:
    line, here, there = await two()
    here.commit(1, event_id=EVENTS[0])
    here.commit(2, event_id=EVENTS[0])
    client = await subscribed(there, EVENT, OTHER_EVENT)
    here.change(1, event_id=EVENTS[1])
    there.link.deliver(lost=True)
    here.beat()
    line.settle()
    await there.catch_up()
    client.read()
    assert set(client.versions(EVENT)) == {ticket_id(2)}
    assert set(client.versions(OTHER_EVENT)) == {ticket_id(1)}
    here.change(1, event_id=EVENTS[0])  # It comes back with the very next version.
    line.settle()
    await there.catch_up()
    client.read()
    assert set(client.versions(EVENT)) == {ticket_id(1), ticket_id(2)}


async def test_what_comes_while_a_topic_is_read_is_not_undone() -> None:
    line, here, there = await two()
    here.commit(1, event_id=EVENTS[0])
    client = await subscribed(there, EVENT, OTHER_EVENT)
    get = there.get

    async def slow(name: Any) -> Any:
        found = await get(name)
        here.change(2, event_id=EVENTS[0])  # New, and not in what was found.
        here.change(1, event_id=EVENTS[1])
        line.settle()
        return found

    there.hub.topics._loader = type("Loader", (), {"get": staticmethod(slow)})()  # type: ignore[assignment]
    there.bus.lost()
    await there.catch_up()
    there.hub.topics._loader = there  # type: ignore[assignment]
    await there.catch_up()
    client.read()
    for topic in (EVENT, OTHER_EVENT):
        assert client.versions(topic) == here.truth(topic)


def test_what_is_not_found_leaves_unless_it_came_later() -> None:
    source: Source = None  # type: ignore[assignment]  # It is never asked.
    topic = Topic("t", "t", source, epoch="e", is_feed=False)
    for name in "abc":
        topic.put(Item(name, 1, b"{}"))
    assert topic.keep({"a", "b"}, up_to=3)
    assert topic.delta_since(3, START).removed == ["c"]
    assert topic.keep({"a", "b"}, up_to=topic.seq)
    topic.put(Item("d", 1, b"{}"))
    assert not topic.keep({"a"}, up_to=topic.seq - 1)  # Is it new, or was it late?
    assert set(topic.delta_since(3, START).removed) == {"b", "c"}
    assert topic.version_of("d") == 1


async def test_a_topic_that_was_being_read_for_the_first_time_is_read_again() -> None:
    _, here, there = await two()
    here.commit(1)
    client = Client(there)
    get = there.get

    async def misses(name: Any) -> Any:
        found = await get(name)
        if not there.hub.resync.is_running:
            here.change(1)
            there.link.deliver(lost=True)
            there.bus.lost()
            assert there.hub.resync.is_running
        return found

    there.hub.topics._loader = type("Loader", (), {"get": staticmethod(misses)})()  # type: ignore[assignment]
    await client.subscribe(TICKET)
    await there.catch_up()
    client.read()
    assert client.versions(TICKET) == here.truth(TICKET)


async def test_a_database_that_is_away_is_asked_until_it_is_back() -> None:
    _, here, there = await two()
    here.commit(1)
    client = await subscribed(there, TICKET)
    here.commit(1)
    there.is_away = True
    there.bus.lost()
    reads = there.reads
    began = there.clock.monotonic()
    await until(lambda: there.reads >= reads + 5, "it is asked again", every=0)
    assert there.clock.monotonic() - began > 3  # Not at once again, each time.
    there.is_away = False
    await there.catch_up()
    client.read()
    assert client.versions(TICKET) == here.truth(TICKET)


async def test_who_is_watched_is_read_first_and_not_all_at_one_instant() -> None:
    _, _, there = await two()
    numbers = range(1, 2 * TOPICS_AT_ONCE)
    client = Client(there)
    names = [f"ticket:{ticket_id(number)}" for number in numbers]
    for start in range(0, len(names), 50):
        await client.subscribe(*names[start : start + 50])
    last = there.hub.topics.get(
        next(iter(t for t in there.hub.topics._topics if t.wire == names[-1]))
    )
    for topic in tuple(client.socket.cursors):
        if topic is not last:
            there.hub._leave(client.socket, topic)
    order: list[str] = []
    at_once: list[int] = []
    running = 0

    async def get(name: Any) -> None:
        nonlocal running
        order.append(name.wire)
        running += 1
        at_once.append(running)
        await asyncio.sleep(0)
        running -= 1

    there.hub.topics._loader = type("Loader", (), {"get": staticmethod(get)})()  # type: ignore[assignment]
    there.bus.lost()
    await there.catch_up()
    assert order[0] == names[-1]
    assert len(order) == len(names)
    assert max(at_once) == TOPICS_AT_ONCE


async def test_a_feed_begins_anew_and_not_too_often() -> None:
    line, here, there = await two()
    here.commit(1)
    client = await subscribed(there, "tickets")
    began = there.clock.monotonic()
    there.bus.lost()
    await there.catch_up()
    client.read()
    assert [message["mode"] for message in client.messages] == ["reset", "reset"]
    here.change(1)
    line.settle()
    await there.hub.rounds.flush()
    client.read()
    assert client.versions("tickets") == here.truth("tickets")  # It goes on from there.
    assert client.messages[-1]["op"] == "upd"
    there.bus.lost()
    await there.catch_up()
    client.read()
    assert [m["mode"] for m in client.messages if m["op"] == "subbed"] == ["reset"] * 3
    assert there.clock.monotonic() - began >= FEED_SECONDS


async def test_a_topic_that_has_grown_too_large_unheard_is_a_feed_from_then_on() -> None:
    _, here, there = await two()
    here.commit(0, event_id=EVENTS[0])
    client = await subscribed(there, EVENT)
    for number in range(1, ITEMS_MAX + 1):
        here.commit(number, event_id=EVENTS[0])
    there.bus.lost()
    await there.catch_up()
    client.read()
    assert [message["mode"] for message in client.messages] == ["snapshot", "reset"]


async def test_what_is_delivered_is_never_told_as_nothing() -> None:
    """An order that is complete, and the word of what its ticket brings was lost."""
    _, _, there = await two()
    name = Name(Kind.ME, "buyer")
    order = OrderState(
        id=OrderId("order"), buyer_id=UserId("buyer"), version=3, status=OrderStatus.COMPLETE
    )
    sealed = there.vault.seal("the code")

    async def get(_: Name) -> Found:
        return Found(orders=[OwnOrder(order=order, delivery=sealed)] if there.rows else [])

    there.hub.topics._loader = type("Loader", (), {"get": staticmethod(get)})()  # type: ignore[assignment]
    client = Client(there, claims=claims(there))
    async with there.hub.topics.holding([name]) as held:
        there.hub.subscribe(client.socket, held[name], None, None)
    there.commit(1)
    there.bus.publish(Change("order", order.id, 3, order))
    await there.hub.rounds.flush()
    client.read()
    assert client.versions("me") == {}
    await there.catch_up()
    client.read()
    [item] = client.replica.items["me"].values()
    assert item["delivery"] == "the code"
