"""What may be said to a ticket, and what it answers.

Commands are imperative; their type parameter is the type of the reply.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from actors import Message, Ref
from ticketing.tickets.state import ReleaseReason, TicketState
from ticketing.values import EventId, OrderId, Secret, TicketId, UserId

__all__ = [
    "TICKET",
    "Close",
    "Edit",
    "Lapse",
    "List",
    "Release",
    "ReleaseOutcome",
    "ReleaseReason",
    "Reservation",
    "Reserve",
    "Sell",
    "Unsell",
    "Withdraw",
    "ticket",
]

TICKET: Final = "ticket"


def ticket(ticket_id: TicketId) -> Ref:
    return Ref(TICKET, ticket_id)


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """The right of one order, and no other, to buy the ticket until *until*, as it was then."""

    ticket_id: TicketId
    ticket_version: int
    order_id: OrderId
    buyer_id: UserId
    seller_id: UserId
    title: str
    price_minor: int
    currency: str
    until: datetime


class ReleaseOutcome(StrEnum):
    """What a ticket says to an order that lets go of it."""

    RELEASED = "released"
    """The order held it; now it is free."""
    NOT_HELD = "not_held"
    """The order does not hold it (any more), and it is not sold to it."""
    SOLD = "sold"
    """Too late: the ticket is sold to this order."""


class List(Message[TicketState], frozen=True, kw_only=True, tag="tickets.list"):
    """Offer a ticket for sale. Asking again with the same contents returns the ticket as it is.

    *delivery* is sealed (see `ticketing.vault`); it never travels in the clear.

    Raises:
        AskIdReusedError: the id was used for another listing.
        NoSuchEventError, EventPastError: it cannot be offered for that event.

    """

    seller_id: UserId
    title: str
    price_minor: int
    currency: str
    event_id: EventId | None = None
    section: str | None = None
    row: str | None = None
    seat: str | None = None
    delivery: Secret | None = None


class Edit(Message[TicketState], frozen=True, kw_only=True, tag="tickets.edit"):
    """Change what is offered. A field left UNSET keeps its value; None clears it.

    Raises:
        ForbiddenError: only the seller may.
        TicketReservedError, TicketSoldError, TicketWithdrawnError: it is not open to changes now.
        StaleVersionError: *if_version* is given and is not the version now.
        NoSuchEventError, EventPastError: it cannot be offered for that event.

    """

    seller_id: UserId
    title: str
    price_minor: int
    currency: str | UnsetType = UNSET
    event_id: EventId | UnsetType | None = UNSET
    section: str | UnsetType | None = UNSET
    row: str | UnsetType | None = UNSET
    seat: str | UnsetType | None = UNSET
    delivery: Secret | UnsetType | None = UNSET
    if_version: int | None = None


class Withdraw(Message[TicketState], frozen=True, kw_only=True, tag="tickets.withdraw"):
    """Take the ticket off the market. A withdrawn ticket stays as it is.

    Raises:
        ForbiddenError: only the seller may.
        TicketReservedError, TicketSoldError: it is not the seller's to withdraw now.

    """

    seller_id: UserId


class Reserve(Message[Reservation], frozen=True, kw_only=True, tag="tickets.reserve"):
    """Hold the ticket for one order during *window*.

    Asking again for the same order, or by the same buyer with another order, returns the first
    reservation and never a longer one.

    Raises:
        OwnTicketError, PriceChangedError, CooldownError: this buyer may not have it (so).
        TicketUnavailableError: another buyer holds it, or it is sold or withdrawn.
        EventStartedError: it is too late to buy it.

    """

    order_id: OrderId
    buyer_id: UserId
    window: timedelta
    price_minor: int | None = None
    cooldown: bool = True


class Release(Message[ReleaseOutcome], frozen=True, kw_only=True, tag="tickets.release"):
    """Give the ticket back. Does nothing unless *order_id* holds it.

    *until* is what the order knows of its reservation. If the ticket says otherwise, this is
    another, made by a turn of the order that was lost: it is given back, and nobody let it lapse.
    """

    order_id: OrderId
    reason: ReleaseReason
    until: datetime | None = None


class Lapse(Message[None], frozen=True, kw_only=True, tag="tickets.lapse"):
    """The reservation's time is up. Does nothing unless *order_id* holds it and it is."""

    order_id: OrderId


class Sell(Message[bool], frozen=True, kw_only=True, tag="tickets.sell"):
    """Sell the ticket to the order that holds it: True. False if the order does not hold it.

    Asking again for the order it is sold to answers True.
    """

    order_id: OrderId


class Unsell(Message[None], frozen=True, kw_only=True, tag="tickets.unsell"):
    """Undo the sale to *order_id*: back on the market with *relist*, else withdrawn.

    Does nothing unless the ticket is sold to that order.
    """

    order_id: OrderId
    relist: bool


class Close(Message[None], frozen=True, kw_only=True, tag="tickets.close"):
    """The event has started: leave the market, now or when the reservation has ended unsold.

    Does nothing unless the ticket is for *event_id* and it has.
    """

    event_id: EventId
