"""What the demonstration consists of: the same each time, with dates counted from today.

The cities are real, so that time zones and currencies are; acts, venues and people are invented.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["PEOPLE", "DemoEvent", "DemoTicket", "Person", "events", "tickets"]

TICKETS: Final = 300


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in."""

    email: str
    password: str


PEOPLE: Final = (
    Person("mara.lind@example.com", "seven quiet lanterns"),
    Person("tomas.okafor@example.com", "paper boats at noon"),
    Person("ines.varga@example.com", "a tram full of cellos"),
    Person("jun.hallam@example.com", "orange kites over town"),
    Person("bea.rosendahl@example.com", "left shoe on the stairs"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEvent:
    """An event, and what its tickets cost."""

    name: str
    category: str
    venue: str
    city: str
    starts_at: datetime
    time_zone: str
    currency: str
    price: int
    """Of an ordinary seat, in major units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTicket:
    """A ticket for an event; seller and buyer are places in `PEOPLE`."""

    event: DemoEvent
    seller: int
    section: str
    row: str
    seat: str
    price: int
    delivery: str
    buyer: int | None = None
    is_paid: bool = False

    @property
    def title(self) -> str:
        return self.event.name  # The place has fields of its own.


# By city: time zone, currency, what an ordinary seat costs there as a multiple of one in Berlin.
_CITIES: Final = {
    "Berlin": ("Europe/Berlin", "eur", 1.0),
    "London": ("Europe/London", "gbp", 0.9),
    "New York": ("America/New_York", "usd", 1.4),
    "Oslo": ("Europe/Oslo", "nok", 11.0),
    "Osaka": ("Asia/Tokyo", "jpy", 160.0),
    "Toronto": ("America/Toronto", "cad", 1.5),
    "Zürich": ("Europe/Zurich", "chf", 1.3),
    "Melbourne": ("Australia/Melbourne", "aud", 1.7),
}

# Name, category, venue, city, days from today, hour there, price of an ordinary seat in Berlin.
_PROGRAMME: Final = (
    ("Pale Harbours", "concert", "Kesselhaus am Kanal", "Berlin", 2, 20, 48),
    ("Nordlicht Quartett: late works", "concert", "Saal der Stille", "Zürich", 3, 19, 62),
    ("Lakeside Otters v Port Grey", "sports", "Otter Field", "Toronto", 3, 18, 55),
    ("The Understudy's Revenge", "theatre", "Copper Lane Theatre", "London", 4, 19, 45),
    ("Nobody Asked, with Dee Farrow", "comedy", "The Low Ceiling", "New York", 5, 21, 28),
    ("Velvet Pylons", "concert", "Turbine 9", "London", 6, 20, 52),
    ("Fjordfest, first day", "festival", "Bryggen Park", "Oslo", 8, 14, 70),
    ("Fjordfest, second day", "festival", "Bryggen Park", "Oslo", 9, 14, 70),
    ("Moss and the Giant", "family", "Puppet House", "Berlin", 9, 15, 14),
    ("Kansai Kites v Harbour Cranes", "sports", "Minato Dome", "Osaka", 10, 18, 40),
    ("Ivory Switchboard", "concert", "Grand Meridian Hall", "New York", 11, 20, 75),
    ("Twelve Letters to Agnes", "theatre", "Schauspiel am Ufer", "Zürich", 12, 20, 58),
    ("Slow Train Home", "concert", "Corrugated Hall", "Melbourne", 13, 20, 44),
    ("Capital City Derby", "sports", "Ostkurve-Stadion", "Berlin", 14, 15, 39),
    ("The Planet Next Door", "family", "Dome of Stars", "Toronto", 15, 11, 12),
    ("Half a Bicycle", "comedy", "Cellar Door", "London", 16, 20, 22),
    ("Miyako Tanabe Trio", "concert", "Blue Camphor", "Osaka", 17, 19, 47),
    ("Salt Opera", "theatre", "Fjord Stage", "Oslo", 18, 19, 66),
    ("Harvest Lights", "festival", "Riverside Meadow", "Melbourne", 20, 12, 60),
    ("Silver City Sprint", "sports", "Lakeshore Velodrome", "Toronto", 21, 17, 30),
    ("Greenhouse Choir", "concert", "St Alder's", "London", 22, 18, 26),
    ("Dust on the Dial", "concert", "Radio Loft", "Berlin", 24, 21, 34),
    ("The Lighthouse Jury", "theatre", "Empire Annex", "New York", 25, 20, 88),
    ("Alpine Curling Masters", "sports", "Eispalast", "Zürich", 27, 13, 36),
    ("Too Many Uncles", "comedy", "Laugh Depot", "Melbourne", 28, 20, 24),
    ("Paper Planetarium", "family", "Little Dome", "Osaka", 30, 10, 13),
    ("Copper Meridian", "concert", "Northern Dock", "Oslo", 32, 20, 57),
    ("Open Courtyard Sessions", "festival", "Alte Brauerei", "Berlin", 35, 16, 42),
    ("Queens of the Overpass", "concert", "Tunnel Club", "New York", 37, 21, 38),
    ("Seven Doors, One Key", "theatre", "Maple Repertory", "Toronto", 40, 19, 50),
    ("Thames Regatta Grandstand", "sports", "Bankside Stand", "London", 43, 12, 33),
    ("Cardboard Empire", "concert", "Hall of Reeds", "Zürich", 46, 20, 64),
    ("The Antiques Auction, live", "other", "Exchange Rooms", "London", 50, 11, 18),
    ("Southern Cross Tens", "sports", "Yarra Oval", "Melbourne", 54, 14, 46),
    ("Night of the Short Film", "other", "Kino Kabine", "Berlin", 58, 22, 11),
    ("Wool and Thunder", "family", "Folk Museum Barn", "Oslo", 63, 13, 15),
    ("Maestro Okabe conducts", "concert", "Symphony Garden", "Osaka", 70, 18, 82),
    ("Riddles for Adults", "comedy", "Mezzanine", "Toronto", 80, 20, 27),
    ("Winter Lanterns Festival", "festival", "Pier 12", "New York", 95, 17, 54),
    ("The Long Farewell Tour: Hollow Kings", "concert", "Olympia Bowl", "Berlin", 120, 20, 96),
)

# Section, first row, how much dearer than an ordinary seat; the last is one.
_SECTIONS: Final = (
    ("Front stalls", "A", 1.8),
    ("Stalls", "H", 1.2),
    ("Circle", "C", 1.0),
    ("Balcony left", "D", 0.8),
    ("Balcony right", "D", 0.8),
    ("Gallery", "M", 0.5),
    ("Box", "2", 2.4),
    ("Stalls", "K", 1.1),
)

_SOLD_EACH: Final = 9
_RESERVED_EACH: Final = 31


def events(now: datetime) -> list[DemoEvent]:
    """All events, soonest first, counted from *now*."""
    return [
        DemoEvent(
            name=name,
            category=category,
            venue=venue,
            city=city,
            starts_at=_at(now, days, hour, _CITIES[city][0]),
            time_zone=_CITIES[city][0],
            currency=_CITIES[city][1],
            price=max(1, round(price * _CITIES[city][2])),
        )
        for name, category, venue, city, days, hour, price in _PROGRAMME
    ]


def tickets(programme: list[DemoEvent]) -> Iterator[DemoTicket]:
    """All tickets: for each event in turn, a seat in each section in turn."""
    for number, event in zip(range(TICKETS), cycle(programme), strict=False):
        around = number // len(programme)
        section, first_row, factor = _SECTIONS[(number + around) % len(_SECTIONS)]
        seller = (number * 3 + around) % len(PEOPLE)
        is_paid = number % _SOLD_EACH == _SOLD_EACH - 1
        is_taken = is_paid or number % _RESERVED_EACH == _RESERVED_EACH - 1
        yield DemoTicket(
            event=event,
            seller=seller,
            section=section,
            row=_later_row(first_row, around),
            seat=str(1 + (number * 7 + around) % 28),
            price=max(1, round(event.price * factor)),
            delivery=f"Show this code at the door: {number * 7919 % 1_000_000:06}",
            buyer=(seller + 1 + number % (len(PEOPLE) - 1)) % len(PEOPLE) if is_taken else None,
            is_paid=is_paid,
        )


def _at(now: datetime, days: int, hour: int, zone: str) -> datetime:
    """That hour of the day there, so many days after *now*'s."""
    there = now.astimezone(ZoneInfo(zone)) + timedelta(days=days)
    return there.replace(hour=hour, minute=30, second=0, microsecond=0).astimezone(UTC)


def _later_row(first: str, steps: int) -> str:
    return str(int(first) + steps) if first.isdecimal() else chr(ord(first) + steps)
