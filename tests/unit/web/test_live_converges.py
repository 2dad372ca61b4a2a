"""Several gateways: whatever is lost on the line between them, in the end all clients are right."""

import asyncio
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.live_gateways import OTHER_EVENT, Gateway, two
from tests.support.live_world import EVENT, EVENTS, TICKET, Client, Market, ticket_id
from tests.support.lossy_link import LossyLine
from ticketing.values import EventId

STEPS = (
    "change", "change", "move", "die", "deliver", "deliver", "lose", "lose", "down", "up", "beat",
    "flush", "read", "subscribe", "away", "yield",
)  # fmt: skip
TOPICS = ("tickets", EVENT, OTHER_EVENT, TICKET, "me")


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(0, 1), st.integers(0, 3)),
        min_size=10, max_size=70,
    ),
)  # fmt: skip
# The last word of all is lost, and no other follows.
@example(seed=0, steps=[("subscribe", 1, 0), ("move", 0, 1), ("lose", 1, 0)])
# An actor has moved, and its old owner's word comes last.
@example(
    seed=0,
    steps=[("change", 0, 1), ("move", 1, 1), ("subscribe", 1, 0), ("yield", 1, 0),
           ("deliver", 1, 0)],
)  # fmt: skip
def test_whatever_is_lost_clients_of_all_gateways_have_what_the_database_has(
    seed: int, steps: list[tuple[str, int, int]]
) -> None:
    asyncio.run(live_through(seed, steps))


async def live_through(seed: int, steps: list[tuple[str, int, int]]) -> None:
    """Tickets change at both nodes, and their words arrive or do not; then there is peace."""
    line, here, there = await two(seed)
    for number in range(4):
        here.commit(number, event_id=EVENTS[number % 2])
    gateways = (here, there)
    clients = [Client(gateway) for gateway in gateways]
    async with asyncio.TaskGroup() as tasks:
        for step, number, ticket in steps:
            gateway, client = gateways[number], clients[number]
            if step == "subscribe":
                tasks.create_task(client.subscribe(*TOPICS))
            elif step in {"deliver", "lose", "down", "up", "beat"}:
                on_the_line(gateway, step)
            else:
                await act(gateway, client, step, ticket)
            for _ in range(ticket):
                await asyncio.sleep(0)
        here.is_away = there.is_away = False
    for client in clients:
        await client.subscribe(*TOPICS)
    await make_peace(line, gateways, clients)
    for client in clients:
        for topic in TOPICS:
            if topic == "tickets":
                assert client.versions(topic).items() <= here.truth(topic).items()
            else:
                assert client.versions(topic) == here.truth(topic), topic


async def act(gateway: Gateway, client: Client, step: str, number: int) -> None:
    match step:
        case "change":
            gateway.change(number, price_minor=number)
        case "move":
            gateway.change(number, event_id=other_event(gateway, number))
        case "die":
            gateway.commit(number, event_id=other_event(gateway, number))
            for each in gateway.all:  # It died before it said so, and everybody is told that.
                each.bus.lost()
        case "flush":
            await gateway.hub.rounds.flush()
        case "read":
            read(client)
        case "away":
            gateway.is_away = not gateway.is_away
        case _:
            for _ in range(12):
                await asyncio.sleep(0)


def on_the_line(gateway: Gateway, step: str) -> None:
    match step:
        case "deliver" | "lose":
            gateway.link.deliver(lost=step == "lose")
        case "down" | "up":
            gateway.link.is_up = step == "up"
        case _:
            gateway.beat()


def other_event(market: Market, number: int) -> EventId:
    """Where ticket *number* is not at the moment."""
    return EVENTS[market.rows[ticket_id(number)].event_id == EVENTS[0]]


def read(client: Client) -> None:
    """Who is told to begin anew fetches by REST what there is."""
    seen = len(client.messages)
    client.read()
    for message in client.messages[seen:]:
        if message.get("mode") == "reset":
            items: dict[str, dict[str, Any]] = {
                key: {"id": key, "version": version}
                for key, version in client.market.truth("tickets").items()
            }
            client.replica.items["tickets"] = items


async def make_peace(
    line: LossyLine, gateways: tuple[Gateway, Gateway], clients: list[Client]
) -> None:
    """The lines are up and everybody beats once; nothing more is committed."""
    for gateway in gateways:
        gateway.link.is_up = True
    for gateway in gateways:
        gateway.beat()
    line.settle()
    for gateway, client in zip(gateways, clients, strict=True):
        await gateway.catch_up()
        await gateway.hub.rounds.flush()
        read(client)
        assert not client.wants
