"""Tickets: what sellers send, what everybody sees."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ticketing.events import Category
from ticketing.tickets import TicketState, TicketStatus, WithdrawReason
from ticketing.tickets.queries import Search, Sort
from ticketing.values import EventId, InvalidPriceError, UserId, major, minor
from ticketing.vault import Vault
from web import instants, pages
from web.fields import (
    CategoryName,
    Currency,
    Delivery,
    Id,
    Limit,
    Place,
    Price,
    PriceBound,
    Rule,
    Title,
    Words,
)
from web.input import Input
from web.instants import Instant
from web.refusals import Fault
from web.schemas import events, examples

__all__ = ["NewTicket", "TicketChange", "TicketView", "TicketsQuery", "search_of", "view"]

_ANY: Final = "any"


def _statuses(text: str) -> frozenset[TicketStatus]:
    names = [name.value for name in TicketStatus] if text == _ANY else text.split(",")
    return frozenset(TicketStatus(name) for name in names)


def _checked_statuses(text: str) -> str:
    _statuses(text)
    return text


_Statuses = Annotated[
    str,
    Meta(description="One or several of available, reserved, sold, withdrawn, with commas; or any"),
    Rule("must be any, or some of available, reserved, sold, withdrawn", _checked_statuses),
]
_Sort = Annotated[
    str,
    Meta(extra_json_schema={"enum": [sort.value for sort in Sort]}),
    Rule(f"must be one of {', '.join(Sort)}", Sort),
]


class NewTicket(Input, frozen=True, kw_only=True):
    """A ticket to sell."""

    title: Title
    price: Price
    currency: Currency = "usd"
    event_id: Id | None = None
    section: Place | None = None
    row: Place | None = None
    seat: Place | None = None
    delivery: Delivery | None = None

    @classmethod
    def example(cls) -> Self:
        return cls(
            title=examples.TITLE,
            price=examples.PRICE,
            section="B",
            row="5",
            seat="12",
            delivery=examples.DELIVERY,
        )

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> Iterable[Fault]:
        return _price_faults(given, given.get("currency", "usd"))


class TicketChange(Input, frozen=True, kw_only=True):
    """What the ticket is to be. A field left out keeps its value; null clears it."""

    title: Title
    price: Price
    currency: Currency | UnsetType = UNSET
    event_id: Id | UnsetType | None = UNSET
    section: Place | UnsetType | None = UNSET
    row: Place | UnsetType | None = UNSET
    seat: Place | UnsetType | None = UNSET
    delivery: Delivery | UnsetType | None = UNSET

    @classmethod
    def example(cls) -> Self:
        return cls(title=examples.TITLE, price="17.50", seat="14")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> Iterable[Fault]:
        return _price_faults(given, given.get("currency"))


class TicketsQuery(Input, frozen=True, kw_only=True):
    """Which tickets. Prices are in major units of each ticket's own currency, as shown."""

    q: Words | UnsetType = UNSET
    status: _Statuses = TicketStatus.AVAILABLE.value
    seller: Id | UnsetType = UNSET
    event: Id | UnsetType = UNSET
    category: CategoryName | UnsetType = UNSET
    city: Words | UnsetType = UNSET
    price_min: PriceBound | UnsetType = UNSET
    price_max: PriceBound | UnsetType = UNSET
    sort: _Sort = Sort.NEWEST.value
    limit: Limit = 50
    after: str | UnsetType = UNSET


class TicketView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A ticket. `orderId` is for the buyer and the seller, `delivery` for the seller."""

    id: str
    title: str
    price: int | float
    currency: str
    status: TicketStatus
    user_id: str
    version: int
    created_at: Instant
    reserved_until: Instant | UnsetType = UNSET
    order_id: str | UnsetType = UNSET
    event: events.CardView | UnsetType = UNSET
    section: str | UnsetType = UNSET
    row: str | UnsetType = UNSET
    seat: str | UnsetType = UNSET
    withdraw_reason: WithdrawReason | UnsetType = UNSET
    delivery: str | UnsetType = UNSET

    @classmethod
    def example(cls) -> Self:
        return cls(
            id=examples.TICKET_ID,
            title=examples.TITLE,
            price=examples.PRICE,
            currency="usd",
            status=TicketStatus.AVAILABLE,
            user_id=examples.SAM_ID,
            version=1,
            created_at=examples.LISTED_AT,
            event=events.CardView.example(),
            section="B",
            row="5",
            seat="12",
        )


def view(ticket: TicketState, viewer: UserId | None, vault: Vault) -> TicketView:
    """*ticket* as *viewer* may see it; None is a stranger."""
    is_seller = viewer == ticket.seller_id
    is_party = is_seller or (viewer is not None and viewer == ticket.buyer_id)
    until = ticket.reserved_until
    return TicketView(
        id=ticket.id,
        title=ticket.title,
        price=major(ticket.price_minor, ticket.currency),
        currency=ticket.currency,
        status=ticket.status,
        user_id=ticket.seller_id,
        version=ticket.version,
        created_at=instants.shown(ticket.created_at),
        reserved_until=UNSET if until is None else instants.shown(until),
        order_id=(ticket.order_id or UNSET) if is_party else UNSET,
        event=UNSET if ticket.event is None else events.card(ticket.event),
        section=ticket.section or UNSET,
        row=ticket.row or UNSET,
        seat=ticket.seat or UNSET,
        withdraw_reason=ticket.withdraw_reason or UNSET,
        delivery=vault.open(ticket.delivery) if is_seller and ticket.delivery else UNSET,
    )


def search_of(query: TicketsQuery) -> Search:
    """What the query asks for, and one more than a page holds: then there is a next page.

    Raises:
        InvalidInputError: `after` is no cursor of this order.

    """
    sort = Sort(query.sort)
    after = None
    if query.after is not UNSET:
        after = pages.decode(query.after, sort, instants=sort in {Sort.NEWEST, Sort.STARTING})
    return Search(
        statuses=_statuses(query.status),
        words=query.q or None,
        seller_id=UserId(query.seller) if query.seller else None,
        event_id=EventId(query.event) if query.event else None,
        category=Category(query.category) if query.category else None,
        city=query.city or None,
        price_min=Decimal(query.price_min) if query.price_min else None,
        price_max=Decimal(query.price_max) if query.price_max else None,
        sort=sort,
        after=after,
        limit=query.limit + 1,
    )


def _price_faults(given: Mapping[str, Any], currency: str | None) -> Iterator[Fault]:
    """Whether the price is one in its currency, where both are in order by themselves."""
    if currency is None or "price" not in given:
        return
    try:
        minor(given["price"], currency)
    except InvalidPriceError as refusal:
        yield Fault(str(refusal), "price")
