"""Puts up what is missing of the demonstration, through the REST API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from ticketing.demo.client import Client
from ticketing.demo.content import PEOPLE, DemoEvent, DemoTicket, events, tickets
from ticketing.events.messages import search_key

__all__ = ["Made", "fill"]

# A card that the sandbox, and Stripe in test mode, always takes.
_CARD: Final = "tok_visa"

_ALWAYS: Final = "2000-01-01T00:00:00Z"


@dataclass(slots=True)
class Made:
    """How much was put up just now; nothing if all was there."""

    events: int = 0
    tickets: int = 0
    sold: int = 0
    reserved: int = 0


async def fill(url: str, now: datetime) -> Made:
    """Have the server at *url* show the demonstration.

    What was there before stays, and what a run that was interrupted left out is added; only
    tickets that are new are bought, so that reservations that have ended stay so.

    Raises:
        DemoError: the server does not want it.

    """
    made = Made()
    async with Client.session() as http:
        people = [await Client.of(http, url, person) for person in PEOPLE]
        programme = events(now)
        announced = await _announce(people, programme, made)
        listed = await _listed(people)
        for ticket in tickets(programme):
            event = announced[ticket.event.name]
            if _place(event["id"], ticket.section, ticket.row, ticket.seat) in listed:
                continue
            if datetime.fromisoformat(event["startsAt"]) <= now:
                continue  # Put up long ago, and half: nobody misses a ticket for yesterday.
            await _offer(people, ticket, event["id"], made)
    return made


async def _announce(
    people: list[Client], programme: list[DemoEvent], made: Made
) -> Mapping[str, Mapping[str, Any]]:
    """The events, by name."""
    mine = await people[0].everything("/api/events", **{"from": _ALWAYS})
    known = {(search_key(event["name"]), event["city"]): event for event in mine}
    found: dict[str, Mapping[str, Any]] = {}
    for number, event in enumerate(programme):
        there = known.get((search_key(event.name), event.city))
        if there is None:
            made.events += 1
        found[event.name] = there or await _event(people[number % len(people)], event)
    return found


async def _event(somebody: Client, event: DemoEvent) -> Mapping[str, Any]:
    said = {
        "name": event.name,
        "category": event.category,
        "venue": event.venue,
        "city": event.city,
        "startsAt": event.starts_at.isoformat(),
        "timeZone": event.time_zone,
    }
    return await somebody.made("/api/events", said)


async def _listed(people: list[Client]) -> set[tuple[str, ...]]:
    """The places for which tickets of ours are or were on offer."""
    places = set()
    for person in people:
        _, answer = await person.call("GET", "/api/users/currentuser")
        seller = answer["currentUser"]["id"]
        for each in await person.everything("/api/tickets", seller=seller, status="any"):
            if "event" in each:
                places.add(_place(each["event"]["id"], each["section"], each["row"], each["seat"]))
    return places


def _place(*where: str) -> tuple[str, ...]:
    return where


async def _offer(people: list[Client], ticket: DemoTicket, event_id: str, made: Made) -> None:
    """Offer *ticket*, and sell it if it is to be sold."""
    offered = await people[ticket.seller].made(
        "/api/tickets",
        {
            "title": ticket.title,
            "price": ticket.price,
            "currency": ticket.event.currency,
            "eventId": event_id,
            "section": ticket.section,
            "row": ticket.row,
            "seat": ticket.seat,
            "delivery": ticket.delivery,
        },
    )
    made.tickets += 1
    if ticket.buyer is None:
        return
    buyer = people[ticket.buyer]
    status, order = await buyer.call("POST", "/api/orders", {"ticketId": offered["id"]})
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return  # This system lets a user hold fewer: then it shows fewer.
    if ticket.is_paid:
        await buyer.made("/api/payments", {"orderId": order["id"], "token": _CARD})
        made.sold += 1
    else:
        made.reserved += 1
