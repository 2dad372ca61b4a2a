"""What an event is, and the fact that makes it so. Pure: no clock, no I/O, no refusals."""

import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from actors import Fact, State
from ticketing.values import EventId, UserId

__all__ = ["Category", "EventAdded", "EventCard", "EventFact", "EventState", "search_key"]

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Category(StrEnum):
    """What kind of event."""

    CONCERT = "concert"
    SPORTS = "sports"
    THEATRE = "theatre"
    COMEDY = "comedy"
    FESTIVAL = "festival"
    FAMILY = "family"
    OTHER = "other"


class EventCard(msgspec.Struct, frozen=True, kw_only=True):
    """An event as others know it. *city_key* is what the city is found by."""

    id: EventId
    name: str
    category: Category
    venue: str
    city: str
    city_key: str
    starts_at: datetime
    time_zone: str


class EventAdded(Fact, frozen=True, kw_only=True, tag="event.added"):
    at: datetime
    user_id: UserId
    post_id: str
    name: str
    name_key: str
    category: Category
    venue: str
    city: str
    city_key: str
    starts_at: datetime
    time_zone: str


EventFact: TypeAlias = EventAdded


class EventState(State, frozen=True, kw_only=True):
    """An event; one row of `events`. *time_zone* is the IANA name of the venue's."""

    id: EventId
    user_id: UserId = UserId("")
    post_id: str = ""
    name: str = ""
    name_key: str = ""
    """What the name is compared by; stored, because Unicode's tables change over the years."""
    category: Category = Category.OTHER
    venue: str = ""
    city: str = ""
    city_key: str = ""
    starts_at: datetime = NEVER
    time_zone: str = "UTC"
    created_at: datetime = NEVER

    def apply(self, fact: EventFact) -> "EventState":
        return replace(
            self,
            user_id=fact.user_id,
            post_id=fact.post_id,
            name=fact.name,
            name_key=fact.name_key,
            category=fact.category,
            venue=fact.venue,
            city=fact.city,
            city_key=fact.city_key,
            starts_at=fact.starts_at,
            time_zone=fact.time_zone,
            created_at=fact.at,
        )

    @property
    def card(self) -> EventCard:
        return EventCard(
            id=self.id,
            name=self.name,
            category=self.category,
            venue=self.venue,
            city=self.city,
            city_key=self.city_key,
            starts_at=self.starts_at,
            time_zone=self.time_zone,
        )


def search_key(text: str) -> str:
    """*text* without case, accents and superfluous space: what people mean when they type it."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(letter)
    )
    return " ".join(plain.casefold().split())
