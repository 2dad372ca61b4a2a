"""Events: what people announce, what everybody sees."""

from typing import Annotated, Self

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ticketing.events import Category, EventCard, EventState
from ticketing.events.queries import Search
from web import instants, pages
from web.fields import CategoryName, InstantText, Limit, TimeZone, Title, Words
from web.input import Input
from web.instants import Instant
from web.schemas import examples

__all__ = [
    "ORDER_OF_PAGES",
    "CardView",
    "EventView",
    "EventsQuery",
    "NewEvent",
    "card",
    "search_of",
    "view",
]

ORDER_OF_PAGES = "startsAt"


class NewEvent(Input, frozen=True, kw_only=True):
    """An event to announce. *distinct* says that it is none of those that are much like it."""

    name: Title
    category: CategoryName
    venue: Title
    city: Title
    starts_at: InstantText
    time_zone: TimeZone
    distinct: Annotated[
        bool, Meta(description="True: it is none of the `events` of a refusal with event_exists")
    ] = False

    @classmethod
    def example(cls) -> Self:
        return cls(
            name="Spring derby",
            category=Category.SPORTS,
            venue="Lake Arena",
            city="Oslo",
            starts_at="2026-05-16T15:30:00+02:00",
            time_zone="Europe/Oslo",
        )


class EventsQuery(Input, frozen=True, kw_only=True):
    """Which events, soonest first. Without `from`, those that are still to come."""

    q: Words | UnsetType = UNSET
    category: CategoryName | UnsetType = UNSET
    city: Words | UnsetType = UNSET
    starts_from: InstantText | UnsetType = msgspec.field(default=UNSET, name="from")
    starts_until: InstantText | UnsetType = msgspec.field(default=UNSET, name="to")
    limit: Limit = 50
    after: str | UnsetType = UNSET


class CardView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The event that a ticket is for."""

    id: str
    name: str
    category: Category
    venue: str
    city: str
    starts_at: Instant
    time_zone: str

    @classmethod
    def example(cls) -> Self:
        return cls(
            id=examples.EVENT_ID,
            name="Spring derby",
            category=Category.SPORTS,
            venue="Lake Arena",
            city="Oslo",
            starts_at=examples.STARTS_AT,
            time_zone="Europe/Oslo",
        )


class EventView(CardView, frozen=True, kw_only=True, rename="camel"):
    """An event. It never changes."""

    user_id: str
    version: int
    created_at: Instant

    @classmethod
    def example(cls) -> Self:
        card = msgspec.structs.asdict(CardView.example())
        return cls(user_id=examples.SAM_ID, version=1, created_at=examples.LISTED_AT, **card)


def card(event: EventCard) -> CardView:
    """*event* beside the ticket that is for it."""
    return CardView(
        id=event.id,
        name=event.name,
        category=event.category,
        venue=event.venue,
        city=event.city,
        starts_at=instants.shown(event.starts_at),
        time_zone=event.time_zone,
    )


def view(event: EventState) -> EventView:
    """*event* as everybody sees it."""
    return EventView(
        id=event.id,
        name=event.name,
        category=event.category,
        venue=event.venue,
        city=event.city,
        starts_at=instants.shown(event.starts_at),
        time_zone=event.time_zone,
        user_id=event.user_id,
        version=event.version,
        created_at=instants.shown(event.created_at),
    )


def search_of(query: EventsQuery) -> Search:
    """What the query asks for, and one more than a page holds: then there is a next page.

    Raises:
        InvalidInputError: `after` is no cursor of this order.

    """
    after = None
    if query.after is not UNSET:
        after = pages.decode(query.after, ORDER_OF_PAGES, instants=True)
    return Search(
        words=query.q or None,
        category=Category(query.category) if query.category else None,
        city=query.city or None,
        starts_from=instants.parse(query.starts_from) if query.starts_from else None,
        starts_until=instants.parse(query.starts_until) if query.starts_until else None,
        after=after,
        limit=query.limit + 1,
    )
