"""Several gateways: what one of them misses on the line it reads, and tells nobody anything old."""

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors import Change
from actors.linked_bus import CHANGES, LinkedBus
from tests.support.clock import START
from tests.support.live_world import EVENT, EVENTS, TICKET, Client, Market, subscribed, ticket_id
from tests.support.lossy_link import LossyLine, LossyLink
from tests.support.wait import until
from ticketing.auth import AccountState
from ticketing.auth.tokens import Claims
from ticketing.orders import OrderState, OrderStatus
from ticketing.orders.queries import OwnOrder
from ticketing.tickets import TicketState
from ticketing.topics import shown, topics_of
from ticketing.values import EventId, OrderId, UserId
from web.live.names import Kind, Name
from web.live.resync import FEED_SECONDS, TOPICS_AT_ONCE
from web.live.sources import Found, Source
from web.live.topic import ITEMS_MAX, Item, Topic

TYPES = {"ticket": TicketState, "order": OrderState, "account": AccountState}
OTHER_EVENT = f"event:{EVENTS[1]}"


class Gateway(Market):
    """A node: it owns some actors and has clients."""

    link: LossyLink

    def __init__(self, line: LossyLine, name: str, beside: Market | None, seed: int = 0) -> None:
        link = line.link()
        clock = Market().clock if beside is None else beside.clock
        bus = LinkedBus(topics_of, link, name, clock=clock, state_types=TYPES, shown=shown)
        super().__init__(seed, bus=bus, link=link, beside=beside)
        self.clock = clock
        self.all: list[Gateway] = beside.all if isinstance(beside, Gateway) else []
        self.all.append(self)
        link.hear(CHANGES, bus._heard)
        link.when_back(bus.lost)

    def beat(self) -> None:
        assert isinstance(self.bus, LinkedBus)
        self.bus.beat()

    async def catch_up(self) -> None:
        """Read all that is in doubt, and tell it."""
        await until(lambda: not self.hub.resync.is_running, "everything is read", every=0)
        await self.hub.flush()


async def two(seed: int = 0) -> tuple[LossyLine, Gateway, Gateway]:
    line = LossyLine()
    here = Gateway(line, "here", None, seed)
    there = Gateway(line, "there", here, seed + 1)
    await here.hub.people.open()
    await there.hub.people.open()
    return line, here, there


# It converges.

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
            await gateway.hub.flush()
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
        await gateway.hub.flush()
        read(client)
        assert not client.wants


# One thing after the other.


async def test_what_was_missed_is_read_and_told_once() -> None:
    line, here, there = await two()
    here.commit(1)
    client = await subscribed(there, TICKET)
    here.change(1)
    there.link.deliver(lost=True)
    await there.hub.flush()
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
    await there.hub.flush()
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
    await there.hub.flush()
    client.read()
    assert client.versions("me") == {}
    await there.catch_up()
    client.read()
    [item] = client.replica.items["me"].values()
    assert item["delivery"] == "the code"


# People.


def claims(market: Market, *, epoch: int = 0, minutes: int = 0) -> Claims:
    now = market.clock.now()
    return Claims(
        user_id=UserId("seller"), email="", roles=(), session_epoch=epoch, jti="",
        auth_time=now + timedelta(minutes=minutes), issued_at=now,
        expires_at=now + timedelta(days=1),
    )  # fmt: skip


async def test_who_signs_out_at_one_gateway_is_signed_out_at_the_others() -> None:
    line, here, there = await two()
    session, other = claims(here), claims(here, minutes=1)
    clients = [Client(gateway, claims=session) for gateway in (here, there)]
    bystander = Client(there, claims=other)
    here.hub.people.signed_out(session)
    assert not clients[0].socket.is_open
    assert clients[1].socket.is_open
    line.settle()
    assert not clients[1].socket.is_open
    assert bystander.socket.is_open
    line.links[0].cast("signed-out", b"what is this")
    line.settle()


async def test_signing_out_everywhere_is_heard_at_every_gateway() -> None:
    line, here, there = await two()
    client, renewed = (
        Client(there, claims=claims(here)),
        Client(there, claims=claims(here, epoch=1)),
    )
    account = AccountState(id="a", user_id=UserId("seller"), session_epoch=1, version=2)
    here.bus.publish(change_of(account))
    line.settle()
    assert not client.socket.is_open
    assert renewed.socket.is_open
    here.bus.publish(change_of(AccountState(id="a", user_id=UserId("seller"), version=1)))
    line.settle()
    assert renewed.socket.is_open  # That was a late word.


async def test_signing_out_everywhere_unheard_is_read() -> None:
    _, here, there = await two()
    client, stranger = Client(there, claims=claims(here)), Client(there)
    unsaid = claims(here)
    object.__setattr__(unsaid, "session_epoch", None)
    reader = Client(there, claims=unsaid)
    here.accounts[UserId("seller")] = 1
    there.is_away = True
    there.bus.lost()
    for _ in range(20):
        await asyncio.sleep(0)
    assert client.socket.is_open
    there.is_away = False
    await there.catch_up()
    assert not client.socket.is_open
    assert stranger.socket.is_open
    assert reader.socket.is_open


def change_of(account: AccountState) -> Change:
    return Change("account", account.id, account.version, account)
