"""A hub without a network: transports that a test lets read, stall or break, and a small market."""

import asyncio
import json
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet
from msgspec.structs import replace
from websockets.frames import Frame
from websockets.protocol import OPEN, Protocol, Side

from actors import Bus, Change, Ids, LocalBus, UnavailableError
from actors.link import Link
from tests.support.clock import FakeClock
from tests.support.live import Replica
from ticketing.auth.endings import Ending, News
from ticketing.auth.tokens import Claims
from ticketing.events import Category
from ticketing.tickets import TicketState, TicketStatus
from ticketing.topics import topics_of
from ticketing.values import EventId, TicketId, UserId
from ticketing.vault import Vault
from web.live.admission import Admission
from web.live.hub import Hub
from web.live.names import Kind, Name, parse
from web.live.socket import LiveSocket
from web.live.sources import Found
from web.revocations import Revocations

__all__ = ["EVENTS", "Client", "FakeTransport", "Market", "ticket_id"]

EVENTS = tuple(EventId(f"e0000000-0000-7000-8000-00000000000{number}") for number in range(2))
_CARD = {
    "event_name": "A night of its own",
    "event_category": Category.CONCERT,
    "event_venue": "Hall",
    "event_city": "Oslo",
    "event_city_key": "oslo",
    "event_time_zone": "Europe/Oslo",
}
_VAULT = Vault([Fernet.generate_key().decode()])


def ticket_id(number: int) -> TicketId:
    return TicketId(f"10000000-0000-7000-8000-{number:012d}")


class FakeTransport:
    """Keeps what is written until the test takes it; stalled, it says that it is still there."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.is_stalled = False
        self.is_aborted = False
        self._is_closing = False

    def write(self, data: bytes) -> None:
        assert not self._is_closing
        self.waiting.append(data)

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.waiting)) if self.is_stalled else 0

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    def abort(self) -> None:
        self.is_aborted = self._is_closing = True


class Market:
    """Tickets in a database that can be slow or away, a bus, and the gateway's hub."""

    def __init__(
        self, seed: int = 0, *, bus: Bus | None = None, link: Link | None = None,
        beside: "Market | None" = None,
    ) -> None:  # fmt: skip
        """*beside* is another gateway of the same market, with which it shares the database."""
        self.dice = random.Random(seed)  # noqa: S311
        self.clock = FakeClock() if beside is None else beside.clock
        self.bus: Bus = bus or LocalBus(topics_of)
        self.link = link
        self.rows: dict[TicketId, TicketState] = {} if beside is None else beside.rows
        self.endings: list[Ending] = [] if beside is None else beside.endings
        self.vault = _VAULT
        self.is_away = False
        self.reads = 0
        self.hub = self._hub()

    def _hub(self) -> Hub:
        ids = Ids(self.clock, seed=self.dice.getrandbits(32))
        admission = Admission(limits_per_client=True)
        self.revocations = Revocations(
            self.bus, self.clock, since=self.since, write=self.write, forget=self.forget,
            link=self.link,
        )  # fmt: skip
        return Hub(
            bus=self.bus, clock=self.clock, ids=ids, vault=_VAULT,
            loader=self, admission=admission,  # type: ignore[arg-type]
            revocations=self.revocations,
        )  # fmt: skip

    async def since(self, newest: datetime | None) -> News:
        """What a read of the sessions that ended gives: all of them, as it may."""
        await asyncio.sleep(0)
        if self.is_away:
            raise UnavailableError("away")
        return News(tuple(self.endings), newest)

    async def write(self, user_id: UserId, session: str) -> None:
        if self.is_away:
            raise UnavailableError("away")
        self.endings.append(Ending(user_id=user_id, session=session, at=self.clock.now()))

    async def forget(self) -> None:
        """As if none were old."""

    def restart_gateway(self) -> None:
        """A new hub; whoever was connected to the old one has to come back."""
        for topic in self.hub.topics:
            topic.end()
        self.hub = self._hub()

    async def get(self, name: Name) -> Found | None:
        """What a gathered read gives: what is there at some moment between now and the answer."""
        self.reads += 1
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        if self.is_away:
            raise UnavailableError("away")
        found = Found(tickets=[row for row in self.rows.values() if belongs(row, name)])
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        return found

    def commit(self, number: int, **fields: Any) -> Change:
        """Make a new state durable; it is published by the caller, at once or a little later."""
        if fields.get("event_id") is not None:
            fields = _CARD | {"event_starts_at": self.clock.now() + timedelta(days=1)} | fields
        key = ticket_id(number)
        before = self.rows.get(key, TicketState(id=key, seller_id=UserId("seller")))
        state = replace(before, version=before.version + 1, **fields)
        self.rows[key] = state
        return Change("ticket", key, state.version, state, before)

    def change(self, number: int, **fields: Any) -> None:
        self.bus.publish(self.commit(number, **fields))

    def truth(self, topic: str) -> dict[str, int]:
        """The versions that a client of *topic* has to have."""
        name = parse(topic, UserId("seller"))
        assert isinstance(name, Name)
        return {row.id: row.version for row in self.rows.values() if belongs(row, name)}


def belongs(ticket: TicketState, name: Name) -> bool:
    match name.kind:
        case Kind.TICKET:
            return ticket.id == name.key
        case Kind.EVENT:
            return ticket.event_id == name.key
        case Kind.ME:
            return ticket.seller_id == name.key
        case Kind.TICKETS:
            return True


class Client:
    """A client on a fake transport, with a memory that outlives its sockets."""

    def __init__(self, market: Market, *topics: str, claims: Claims | None = None) -> None:
        self.market = market
        self.claims = claims
        self.topics = topics
        self.replica = Replica()
        self.messages: list[Mapping[str, Any]] = []
        self.wants: list[str] = []
        """Topics that a gap was noticed in."""
        self.connect()

    def connect(self) -> None:
        self.hub = self.market.hub
        self.transport = FakeTransport()
        self.socket = LiveSocket("conn", self.transport, claims=self.claims, address="here")
        self.hub.admission.enter(self.socket)
        self.hub.add(self.socket)
        self._protocol = Protocol(Side.CLIENT, state=OPEN, max_size=None)

    def disconnect(self) -> None:
        """The line breaks: what is on its way is lost."""
        if self.socket in self.hub.sockets:
            self.hub.remove(self.socket)

    async def subscribe(self, *topics: str) -> list[str]:
        """As the handler of a socket does it; those of *topics* that it would refuse for now."""
        hub, socket = self.hub, self.socket
        names = [parse(topic, UserId("seller")) for topic in topics]
        wanted = [name for name in names if isinstance(name, Name)]
        cursors = {topic: self.replica.cursors.get(topic) for topic in topics}
        refused = []
        async with hub.topics.holding(wanted) as held:
            for topic, name in zip(topics, wanted, strict=True):
                if name in held and socket in hub.sockets:
                    hub.subscribe(socket, held[name], cursors[topic], None)
                else:
                    refused.append(topic)
        return refused

    def read(self, *, lost: bool = False) -> None:
        """Take what has arrived; or, *lost*, let the first of it never arrive."""
        data, self.transport.waiting = self.transport.waiting, []
        self._protocol.receive_data(b"".join(data))
        messages = [
            json.loads(event.data)
            for event in self._protocol.events_received()
            if isinstance(event, Frame)
        ]
        for message in messages[lost:]:
            self.messages.append(message)
            missing = self.replica.take(message)
            if missing is not None and missing not in self.wants:
                self.wants.append(missing)

    def versions(self, topic: str) -> dict[str, int]:
        return {key: item["version"] for key, item in self.replica.items.get(topic, {}).items()}

    @property
    def statuses(self) -> set[TicketStatus]:
        return {
            TicketStatus(item["status"])
            for items in self.replica.items.values()
            for item in items.values()
        }


TICKET = f"ticket:{ticket_id(1)}"
EVENT = f"event:{EVENTS[0]}"


async def subscribed(market: Market, *topics: str) -> Client:
    """A client that has read what there was when it came."""
    client = Client(market, *topics)
    await client.subscribe(*topics)
    client.read()
    return client
