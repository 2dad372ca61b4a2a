"""What a ticket is, and the facts that make it so. Pure: no clock, no I/O, no refusals."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from actors import Fact, State
from ticketing.events.messages import Category, EventCard
from ticketing.values import EventId, OrderId, Secret, TicketId, UserId

__all__ = [
    "LAPSES_FORGIVEN_AFTER",
    "LAPSES_REMEMBERED",
    "Lapses",
    "ReleaseReason",
    "TicketEdited",
    "TicketFact",
    "TicketListed",
    "TicketReleased",
    "TicketReserved",
    "TicketSold",
    "TicketState",
    "TicketStatus",
    "TicketUnsold",
    "TicketWithdrawn",
    "WithdrawReason",
]

# A ticket remembers who let it lapse so that it can make a repeater wait. Sixteen buyers are more
# than compete for one seat in a quarter of an hour; the longest ago is forgotten first.
LAPSES_REMEMBERED: Final = 16

LAPSES_FORGIVEN_AFTER: Final = timedelta(days=1)
"""Whoever lets it lapse so long after the last time is counted anew."""

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TicketStatus(StrEnum):
    """Where a ticket is in its life."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    """One order holds it until `reserved_until`; users see it as locked."""
    SOLD = "sold"
    WITHDRAWN = "withdrawn"


class WithdrawReason(StrEnum):
    """Why a ticket left the market unsold."""

    SELLER = "seller"
    EVENT_STARTED = "event_started"
    REFUNDED = "refunded"


class ReleaseReason(StrEnum):
    """Why a reservation ended without a sale."""

    LAPSED = "lapsed"
    CANCELLED = "cancelled"


class Lapses(msgspec.Struct, frozen=True, kw_only=True):
    """How often one buyer let this ticket lapse, and when last."""

    buyer_id: UserId
    count: int
    last_at: datetime


class TicketListed(Fact, frozen=True, kw_only=True, tag="ticket.listed"):
    at: datetime
    seller_id: UserId
    title: str
    price_minor: int
    currency: str
    event_id: EventId | None = None
    section: str | None = None
    row: str | None = None
    seat: str | None = None
    delivery: Secret | None = None
    event: EventCard | None = None
    """The event of `event_id` as it is: events never change."""


class TicketEdited(Fact, frozen=True, kw_only=True, tag="ticket.edited"):
    title: str
    price_minor: int
    currency: str
    event_id: EventId | None = None
    section: str | None = None
    row: str | None = None
    seat: str | None = None
    delivery: Secret | None = None
    event: EventCard | None = None


class TicketReserved(Fact, frozen=True, kw_only=True, tag="ticket.reserved"):
    order_id: OrderId
    buyer_id: UserId
    at: datetime
    until: datetime


class TicketReleased(Fact, frozen=True, kw_only=True, tag="ticket.released"):
    order_id: OrderId
    reason: ReleaseReason
    at: datetime
    lapses: int | None = None
    """If it lapsed: how often in a row it did for this buyer. None in older ones: once more."""


class TicketSold(Fact, frozen=True, kw_only=True, tag="ticket.sold"):
    order_id: OrderId


class TicketUnsold(Fact, frozen=True, kw_only=True, tag="ticket.unsold"):
    """The sale to *order_id* was undone."""

    order_id: OrderId
    at: datetime


class TicketWithdrawn(Fact, frozen=True, kw_only=True, tag="ticket.withdrawn"):
    reason: WithdrawReason


TicketFact: TypeAlias = (
    TicketListed
    | TicketEdited
    | TicketReserved
    | TicketReleased
    | TicketSold
    | TicketUnsold
    | TicketWithdrawn
)


class TicketState(State, frozen=True, kw_only=True):
    """A ticket; one row of `tickets`. Amounts are integer minor units of `currency`."""

    id: TicketId
    seller_id: UserId = UserId("")
    title: str = ""
    price_minor: int = 0
    currency: str = "usd"
    status: TicketStatus = TicketStatus.AVAILABLE
    created_at: datetime = NEVER
    event_id: EventId | None = None
    event_name: str | None = None
    """This and what follows is a copy of the event, for search: there if `event_id` is."""
    event_category: Category | None = None
    event_venue: str | None = None
    event_city: str | None = None
    event_city_key: str | None = None
    event_starts_at: datetime | None = None
    event_time_zone: str | None = None
    section: str | None = None
    row: str | None = None
    seat: str | None = None
    delivery: Secret | None = None
    """Sealed: what only the seller and the buyer of a complete order may read."""
    order_id: OrderId | None = None
    buyer_id: UserId | None = None
    reserved_at: datetime | None = None
    reserved_until: datetime | None = None
    withdraw_reason: WithdrawReason | None = None
    lapses: tuple[Lapses, ...] = ()

    def apply(self, fact: TicketFact) -> "TicketState":  # noqa: PLR0911 - one for each fact
        match fact:
            case TicketListed():
                return replace(self, created_at=fact.at, seller_id=fact.seller_id, **_offer(fact))
            case TicketEdited():
                return replace(self, **_offer(fact))
            case TicketReserved():
                return replace(
                    self,
                    status=TicketStatus.RESERVED,
                    order_id=fact.order_id,
                    buyer_id=fact.buyer_id,
                    reserved_at=fact.at,
                    reserved_until=fact.until,
                )
            case TicketReleased():
                return self._released(fact)
            case TicketSold():
                return replace(
                    self, status=TicketStatus.SOLD, reserved_at=None, reserved_until=None
                )
            case TicketUnsold():
                return replace(self, status=TicketStatus.AVAILABLE, order_id=None, buyer_id=None)
            case TicketWithdrawn():
                return replace(self, status=TicketStatus.WITHDRAWN, withdraw_reason=fact.reason)
            case _:
                assert_never(fact)

    def _released(self, fact: TicketReleased) -> "TicketState":
        lapses = self.lapses
        if fact.reason is ReleaseReason.LAPSED and self.buyer_id is not None:
            before = self.lapses_of(self.buyer_id)
            others = tuple(lapse for lapse in lapses if lapse.buyer_id != self.buyer_id)
            again = Lapses(
                buyer_id=self.buyer_id,
                count=fact.lapses or (before.count + 1 if before else 1),
                last_at=fact.at,
            )
            lapses = (*others, again)[-LAPSES_REMEMBERED:]
        return replace(
            self,
            status=TicketStatus.AVAILABLE,
            order_id=None,
            buyer_id=None,
            reserved_at=None,
            reserved_until=None,
            lapses=lapses,
        )

    @property
    def event(self) -> EventCard | None:
        """The event that the ticket is for, if it is for one."""
        if self.event_id is None or self.event_starts_at is None:
            return None
        fields = {name: getattr(self, f"event_{name}") for name in EventCard.__struct_fields__}
        return EventCard(**fields)

    def has_started(self, now: datetime) -> bool:
        """Whether the event that it is for has started: then nobody buys the ticket any more."""
        return self.event_starts_at is not None and self.event_starts_at <= now

    def lapses_of(self, buyer_id: UserId) -> Lapses | None:
        """What is remembered of *buyer_id* letting this ticket lapse."""
        return next((lapse for lapse in self.lapses if lapse.buyer_id == buyer_id), None)

    def lapses_with(self, now: datetime) -> int:
        """How often in a row its buyer has let it lapse, if they do so *now*."""
        before = None if self.buyer_id is None else self.lapses_of(self.buyer_id)
        if before is None or now - before.last_at > LAPSES_FORGIVEN_AFTER:
            return 1
        return before.count + 1


def _offer(fact: TicketListed | TicketEdited) -> dict[str, object]:
    offer = {
        name: getattr(fact, name)
        for name in (
            "title", "price_minor", "currency", "event_id", "section", "row", "seat", "delivery",
        )
    }  # fmt: skip
    for name in EventCard.__struct_fields__:
        if name != "id":
            offer[f"event_{name}"] = None if fact.event is None else getattr(fact.event, name)
    return offer
