"""Where the items of a topic come from: one committed change at a time, and all of them by SQL.

A source is made for one topic and says what a change means to it: a new state of an item, an item
that has left, or nothing.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from actors import Change, Clock
from ticketing.orders import OrderState, OrderStatus
from ticketing.orders import queries as order_queries
from ticketing.orders.queries import OwnOrder
from ticketing.reads import Reads
from ticketing.tickets import TicketState
from ticketing.tickets import queries as ticket_queries
from ticketing.values import EventId, TicketId, UserId
from ticketing.vault import Vault
from web.live import items
from web.live.names import Kind, Name
from web.live.topic import ITEMS_MAX, Item

__all__ = ["Found", "Source", "Sources", "UnknownDeliveryError", "read"]

# What a user is shown of their own: the newest of each. All of them are pages, by REST.
_OWN_MAX: Final = 200

# Rows of one answer: 10,000 at most, whatever is asked for at one moment.
_EVENTS_AT_ONCE: Final = 10
_USERS_AT_ONCE: Final = 50

_SOLD_MAX: Final = 64  # Of one user, between the sale and the end of the payment: seconds.


@dataclass(slots=True)
class Found:
    """What the database has for one topic."""

    tickets: list[TicketState] = field(default_factory=list)
    orders: list[OwnOrder] = field(default_factory=list)

    @property
    def is_partial(self) -> bool:
        """Whether there is more than a topic remembers."""
        return len(self.tickets) > ITEMS_MAX


class UnknownDeliveryError(LookupError):
    """What is delivered with an order has not been heard of: it has to be read."""


class Source(Protocol):
    """Turns changes and rows into the items of one topic."""

    @property
    def shows_all(self) -> bool:
        """Whether what is not in a `Found` is not in the topic, either."""
        ...

    def item(self, change: Change) -> Item | None:
        """What *change* means to the topic; None: nothing.

        Raises:
            UnknownDeliveryError: it cannot be told from the change alone.

        """
        ...

    def items(self, found: Found) -> Iterator[Item]: ...


class Sources:
    """Makes sources. A ticket that is shown to everybody is encoded once for all its topics."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._last: tuple[Change, Item] | None = None

    def of(self, name: Name) -> Source:
        if name.kind is Kind.ME:
            return _Own(UserId(name.key), self._vault, self._clock)
        return _Public(EventId(name.key) if name.kind is Kind.EVENT else None, self)

    def public(self, change: Change, ticket: TicketState) -> Item:
        if self._last is None or self._last[0] is not change:
            self._last = (change, self.shown(ticket))
        return self._last[1]

    def shown(self, ticket: TicketState) -> Item:
        return items.of_ticket(ticket, None, self._vault, self._clock.now())


class _Public:
    """Tickets as everybody sees them: one, all, or those of an event."""

    shows_all = True

    def __init__(self, event_id: EventId | None, sources: Sources) -> None:
        self._event_id = event_id
        self._sources = sources

    def item(self, change: Change) -> Item | None:
        ticket = change.state
        if not isinstance(ticket, TicketState):
            return None
        if self._event_id is not None and ticket.event_id != self._event_id:
            return Item(ticket.id, ticket.version, None)  # It has moved to another event.
        return self._sources.public(change, ticket)

    def items(self, found: Found) -> Iterator[Item]:
        return (self._sources.shown(ticket) for ticket in found.tickets)


class _Own:
    """One user's orders and listings, with what only the owner sees."""

    shows_all = False  # The newest of each, and none ever leaves.

    def __init__(self, user_id: UserId, vault: Vault, clock: Clock) -> None:
        self._user_id = user_id
        self._vault = vault
        self._clock = clock
        # An order does not carry what is delivered; its ticket does, and is sold before. None: it
        # is known that there is nothing.
        self._deliveries: OrderedDict[str, str | None] = OrderedDict()

    def item(self, change: Change) -> Item | None:
        state, now = change.state, self._clock.now()
        if isinstance(state, OrderState):
            if state.status is OrderStatus.COMPLETE and state.id not in self._deliveries:
                raise UnknownDeliveryError  # That change has not come; perhaps it never will.
            return items.of_order(state, self._deliveries.get(state.id), self._vault, now)
        if not isinstance(state, TicketState):
            return None
        if state.seller_id == self._user_id:
            return items.of_ticket(state, self._user_id, self._vault, now)
        if state.buyer_id == self._user_id and state.order_id is not None:
            self._remember(state.order_id, state.delivery)
        return None

    def items(self, found: Found) -> Iterator[Item]:
        now = self._clock.now()
        for ticket in found.tickets:
            yield items.of_ticket(ticket, self._user_id, self._vault, now)
        for own in found.orders:
            if own.order.is_live:
                self._remember(own.order.id, own.delivery)
            yield items.of_order(own.order, own.delivery, self._vault, now)

    def _remember(self, order_id: str, delivery: str | None) -> None:
        self._deliveries[order_id] = delivery
        if len(self._deliveries) > _SOLD_MAX:
            self._deliveries.popitem(last=False)


async def read(reads: Reads, names: list[Name]) -> Mapping[Name, Found]:
    """What the database has for all of *names*, in as few statements as answers allow."""
    found: defaultdict[Name, Found] = defaultdict(Found)
    if wanted := [TicketId(name.key) for name in names if name.kind is Kind.TICKET]:
        for ticket in await ticket_queries.find_all(reads, wanted):
            found[Name(Kind.TICKET, ticket.id)].tickets.append(ticket)
    for keys in _chunks(names, Kind.EVENT, _EVENTS_AT_ONCE):
        events = [EventId(key) for key in keys]
        for ticket in await ticket_queries.newest_of_events(reads, events, each=ITEMS_MAX + 1):
            found[Name(Kind.EVENT, ticket.event_id or "")].tickets.append(ticket)
    for keys in _chunks(names, Kind.ME, _USERS_AT_ONCE):
        users = [UserId(key) for key in keys]
        for ticket in await ticket_queries.newest_of_sellers(reads, users, each=_OWN_MAX):
            found[Name(Kind.ME, ticket.seller_id)].tickets.append(ticket)
        for own in await order_queries.newest_of_buyers(reads, users, each=_OWN_MAX):
            found[Name(Kind.ME, own.order.buyer_id)].orders.append(own)
    return found


def _chunks(names: Iterable[Name], kind: Kind, size: int) -> Iterator[list[str]]:
    keys = [name.key for name in names if name.kind is kind]
    return (keys[start : start + size] for start in range(0, len(keys), size))
