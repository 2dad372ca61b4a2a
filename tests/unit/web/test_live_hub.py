"""The five promises of live updates, on a hub without a network.

What is promised over real sockets and with a real database is in tests/functional/test_live.py.
"""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors import Change
from tests.support.live_world import EVENT, EVENTS, TICKET, Client, Market, subscribed, ticket_id
from web.live.topic import ITEMS_MAX

# 1. It converges.

STEPS = (
    "change", "change", "publish", "move", "flush", "flush", "read", "lose", "stall", "break",
    "come back", "come back", "restart", "away", "yield",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 11)), min_size=20, max_size=80),
)
# Committed before a restart, and published when there is no hub to hear it.
@example(seed=0, steps=[("change", 0), ("publish", 0), ("change", 0), ("flush", 0), ("read", 0),
                        ("restart", 0)])  # fmt: skip
def test_after_any_accident_clients_have_what_the_server_has(
    seed: int, steps: list[tuple[str, int]]
) -> None:
    asyncio.run(live_through(seed, steps))


async def live_through(seed: int, steps: list[tuple[str, int]]) -> None:
    """Tickets change and lines break in the order of *steps*; then there is peace."""
    market = Market(seed)
    for number in range(4):
        market.commit(number, event_id=EVENTS[number % 2])
    topics = ("tickets", *(f"event:{event}" for event in EVENTS), f"ticket:{ticket_id(0)}")
    clients = [Client(market, *topics[: 2 + number]) for number in range(3)]
    late: Late = {}
    async with asyncio.TaskGroup() as tasks:

        def subscribe(client: Client, *wanted: str) -> None:
            tasks.create_task(client.subscribe(*wanted))

        for client in clients:
            subscribe(client, *client.topics)
        for step, number in steps:
            await act(market, clients[number % 3], step, number % 4, late=late, subscribe=subscribe)
            await others_get_their_turn(number % 3)  # Some subscriptions take long.
        market.is_away = False
    for changes in late.values():
        for change in changes:
            market.bus.publish(change)
    await make_peace(market, clients, something_was_lost=any(step == "lose" for step, _ in steps))
    for client in clients:
        has_what_the_server_has(market, client)


async def others_get_their_turn(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


def has_what_the_server_has(market: Market, client: Client) -> None:
    for topic in client.topics:
        if topic != "tickets":
            assert client.versions(topic) == market.truth(topic), topic
    assert client.versions("tickets").items() <= market.truth("tickets").items()


Subscribe = Callable[..., None]
Late = dict[int, list[Change]]


async def act(  # noqa: C901, PLR0912 - one line a step
    market: Market, client: Client, step: str, number: int, *, late: Late, subscribe: Subscribe
) -> None:
    match step:
        case "change":
            # The commit and its publication are two moments; in between others see the row.
            late.setdefault(number, []).append(market.commit(number, price_minor=number))
        case "move":
            row = market.rows[ticket_id(number)]
            other = EVENTS[1] if row.event_id == EVENTS[0] else EVENTS[0]
            late.setdefault(number, []).append(market.commit(number, event_id=other))
        case "publish":
            for change in late.pop(number, ()):
                market.bus.publish(change)
        case "flush":
            await market.hub.rounds.flush()
        case "read" | "lose":
            client.transport.is_stalled = False
            client.read(lost=step == "lose")
            while client.wants:
                subscribe(client, client.wants.pop())
        case "stall":
            client.transport.is_stalled = True
        case "break":
            client.disconnect()
        case "come back":
            client.disconnect()
            client.connect()
            subscribe(client, *client.topics)
        case "restart":
            market.restart_gateway()
        case "away":
            market.is_away = not market.is_away
        case _:
            await others_get_their_turn(12)


async def make_peace(market: Market, clients: list[Client], *, something_was_lost: bool) -> None:
    """Everybody comes back. A gap is noticed by the next change; so there is one more of each."""
    for client in clients:
        if client.hub is not market.hub or client.socket not in market.hub.sockets:
            client.disconnect()
            client.connect()
        client.transport.is_stalled = False
        missing = [topic for topic in client.topics if topic not in subscribed_to(client)]
        await client.subscribe(*missing)
    for number in range(4 if something_was_lost else 0):
        market.change(number)
    for _ in range(4):
        await market.hub.rounds.flush()
        for client in clients:
            client.read()
            while client.wants:
                await client.subscribe(client.wants.pop())


def subscribed_to(client: Client) -> set[str]:
    return {
        topic.name if topic.name != "tickets:" else "tickets" for topic in client.socket.cursors
    }


async def test_a_gap_is_seen_and_cured_with_the_last_cursor() -> None:
    market = Market()
    market.commit(1)
    client = await subscribed(market, TICKET)
    market.change(1)
    await market.hub.rounds.flush()
    client.read(lost=True)
    market.change(1)
    await market.hub.rounds.flush()
    client.read()
    assert client.wants == [TICKET]
    await client.subscribe(TICKET)
    client.read()
    assert client.messages[-1]["mode"] == "delta"
    assert client.versions(TICKET) == {ticket_id(1): 3}


async def test_who_comes_back_is_told_what_they_missed_and_nothing_else() -> None:
    market = Market()
    for number in range(20):
        market.commit(number, event_id=EVENTS[0])
    client = await subscribed(market, EVENT)
    client.disconnect()
    market.change(7)
    market.change(7)
    market.change(3, event_id=EVENTS[1])
    client.connect()
    await client.subscribe(EVENT)
    client.read()
    answer = client.messages[-1]
    assert answer["mode"] == "delta"
    assert [item["id"] for item in answer["items"]] == [ticket_id(7)]
    assert answer["removed"] == [ticket_id(3)]
    await client.subscribe(EVENT)
    client.read()
    assert client.messages[-1]["mode"] == "current"
    assert market.reads == 1


async def test_a_cursor_of_another_life_is_answered_with_everything() -> None:
    market = Market()
    market.commit(1)
    client = await subscribed(market, TICKET, "tickets")
    market.restart_gateway()
    client.disconnect()
    client.connect()
    await client.subscribe(TICKET, "tickets")
    client.read()
    assert [message["mode"] for message in client.messages[-2:]] == ["snapshot", "reset"]


@pytest.mark.parametrize(
    "cursor", ["", "-", "x-1", "-1", "{epoch}-999", "{epoch}--1", "{epoch}-1e3", "{epoch}-¹", "é"]
)
async def test_a_cursor_nobody_gave_is_answered_with_everything(cursor: str) -> None:
    market = Market()
    market.commit(1)
    client = await subscribed(market, TICKET)
    epoch = client.replica.cursors[TICKET].rpartition("-")[0]
    client.replica.cursors[TICKET] = cursor.format(epoch=epoch)
    await client.subscribe(TICKET)
    client.read()
    assert client.messages[-1]["mode"] == "snapshot"


async def test_a_topic_of_too_many_items_is_a_feed() -> None:
    market = Market()
    for number in range(ITEMS_MAX + 1):
        market.commit(number, event_id=EVENTS[0])
    client = await subscribed(market, EVENT)
    assert (client.messages[-1]["mode"], client.messages[-1]["items"]) == ("reset", [])
    market.change(5)
    await market.hub.rounds.flush()
    client.read()
    assert client.versions(EVENT) == {ticket_id(5): 2}


async def test_what_is_remembered_of_a_feed_has_an_end() -> None:
    market = Market()
    client = await subscribed(market, "tickets")
    for number in range(ITEMS_MAX + 50):
        market.change(number)
    [topic] = market.hub.topics
    assert len(topic) == ITEMS_MAX
    client.disconnect()
    client.connect()
    await client.subscribe("tickets")
    client.read()
    assert client.messages[-1]["mode"] == "reset"


async def test_who_is_too_slow_for_a_feed_is_told_to_begin_anew() -> None:
    market = Market()
    client = await subscribed(market, "tickets")
    for number in range(ITEMS_MAX + 50):
        market.change(number)
    await market.hub.rounds.flush()
    client.read()
    assert [message["mode"] for message in client.messages] == ["reset", "reset"]
    market.change(1)
    await market.hub.rounds.flush()
    client.read()
    assert client.versions("tickets") == {ticket_id(1): 2}
    assert not client.wants


async def test_what_has_left_is_remembered_for_a_while() -> None:
    market = Market()
    for number in range(300):
        market.commit(number, event_id=EVENTS[0])
    client = await subscribed(market, EVENT)
    early = client.replica.cursors[EVENT]
    for number in range(300):
        market.change(number, event_id=EVENTS[1])
    await market.hub.rounds.flush()
    client.read()
    assert client.versions(EVENT) == {}
    client.replica.cursors[EVENT] = early
    await client.subscribe(EVENT)
    client.read()
    assert client.messages[-1]["mode"] == "snapshot"


# 2. and 3. Durable first, and no race at the start (see also the property above).


async def test_a_change_between_the_read_and_the_answer_is_neither_lost_nor_repeated() -> None:
    for seed in range(50):
        market = Market(seed)
        market.commit(1)
        client = Client(market, TICKET)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.subscribe(TICKET))
            for _ in range(market.dice.randrange(8)):
                await asyncio.sleep(0)
            market.change(1)
        await market.hub.rounds.flush()
        client.read()
        told = [item["version"] for message in client.messages for item in message["items"]]
        assert told in ([2], [1, 2])


async def test_a_topic_is_watched_while_somebody_watches_and_a_little_longer() -> None:
    market = Market()
    market.commit(1)
    client = await subscribed(market, TICKET)
    assert len(market.hub.topics) == 1
    client.disconnect()
    market.clock.advance(29)
    await market.hub.sweep()
    assert len(market.hub.topics) == 1
    market.clock.advance(2)
    await market.hub.sweep()
    assert len(market.hub.topics) == 0
    assert not market.bus._listeners


async def test_without_a_database_the_topic_is_missing_and_can_be_had_later() -> None:
    market = Market()
    market.commit(1)
    market.is_away = True
    client = await subscribed(market, TICKET)
    assert client.messages == []
    market.is_away = False
    await client.subscribe(TICKET)
    client.read()
    assert client.messages[-1]["mode"] == "snapshot"


# 4. A slow reader harms nobody.


# 5. Anonymous, and as by REST.
