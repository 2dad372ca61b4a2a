"""Tickets that are for an event: offered, found by it, and off the market when it starts."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.functional.running_site import Program, Site
from tests.functional.test_tickets import listed, titles
from tests.support.wait import until
from web import instants

NO_ID = "01900000-0000-7000-8000-000000000000"
CARD = ("id", "name", "category", "venue", "city", "startsAt", "timeZone")


def card(event: dict[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in CARD}


async def soon(somebody: Program, seconds: float = 0.5, **said: Any) -> dict[str, Any]:
    """An event that is about to start."""
    starts_at = somebody.site.gateway.runtime.clock.now() + timedelta(seconds=seconds)
    return await somebody.announces(startsAt=instants.shown(starts_at), **said)


async def started(site: Site, event: dict[str, Any]) -> None:
    """Wait until *event* has started."""

    async def has_started() -> bool:
        return site.gateway.runtime.clock.now() > instants.parse(event["startsAt"])

    await until(has_started, "the event has started")


async def withdrawn(site: Site, ticket: dict[str, Any]) -> dict[str, Any]:
    """The ticket, once it has recorded that it is off the market."""

    async def is_withdrawn() -> bool:
        state = await site.gateway.reads.value(
            "select status from tickets where id = $1", ticket["id"]
        )
        return bool(state == "withdrawn")

    await until(is_withdrawn, "the ticket is withdrawn")
    shown: dict[str, Any] = (await site.call("GET", f"/api/tickets/{ticket['id']}")).body
    return shown


async def test_a_ticket_shows_its_event(site: Site) -> None:
    event = await site.program().announces()
    seller = site.program()
    ticket = await seller.sells(eventId=event["id"])
    assert ticket["event"] == card(event)
    assert (await site.call("GET", f"/api/tickets/{ticket['id']}")).body == ticket
    assert await listed(site, f"event={event['id']}") == [ticket]


async def test_a_ticket_can_change_its_event(site: Site) -> None:
    seller = site.program()
    first, second = await seller.announces(), await seller.announces()
    ticket = await seller.sells(eventId=first["id"])
    path, same = f"/api/tickets/{ticket['id']}", {"title": "Row 1", "price": 20}
    kept = await seller.call("PUT", path, json={**same, "row": "2"})
    assert kept.body["event"] == card(first)
    moved = await seller.call("PUT", path, json={**same, "eventId": second["id"]})
    assert moved.body["event"] == card(second)
    cleared = await seller.call("PUT", path, json={**same, "eventId": None})
    assert "event" not in cleared.body
    again = await seller.call("PUT", path, json={**same, "eventId": first["id"]})
    assert again.body["event"] == card(first)


async def test_only_events_that_are_to_come_have_tickets(site: Site) -> None:
    seller = site.program()
    ticket = await seller.sells()
    past = await soon(seller, 0.05)
    await started(site, past)
    for event_id, code in ((NO_ID, "no_such_event"), (past["id"], "event_past")):
        said = {"title": "x", "price": 1, "eventId": event_id}
        made = await seller.call("POST", "/api/tickets", json=said)
        changed = await seller.call("PUT", f"/api/tickets/{ticket['id']}", json=said)
        for answer in (made, changed):
            assert (answer.status, answer.fields) == (400, {"eventId"}), answer.body
            assert answer.body["code"] == code


async def test_searches_by_event(site: Site) -> None:
    seller, mark = site.program(), f"x{uuid4().hex}"
    concert = await seller.announces(name=f"{mark} Recital", city="São Paulo", venue="Opera")
    match = await seller.announces(name=f"{mark} Final", city="Lyon", category="sports")
    plain, late, early = (
        await seller.sells("plain"),
        await seller.sells("late", eventId=match["id"]),
        await seller.sells("early", eventId=concert["id"]),
    )
    mine = f"seller={seller.user_id}"
    assert titles(await listed(site, f"{mine}&event={match['id']}")) == ["late"]
    assert titles(await listed(site, f"{mine}&category=sports")) == ["late"]
    assert titles(await listed(site, f"{mine}&city=sao paulo")) == ["early"]
    assert titles(await listed(site, f"{mine}&city=Lyon&category=concert")) == []
    assert titles(await listed(site, f"q={mark}")) == ["early", "late"]
    assert titles(await listed(site, f"q={mark} opera")) == ["early"]
    assert titles(await listed(site, f"q={mark} lyon late")) == ["late"]
    assert titles(await listed(site, f"{mine}&event={NO_ID}")) == []
    assert {plain["id"], late["id"], early["id"]} == {
        each["id"] for each in await listed(site, mine)
    }


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_pages_by_start_are_soonest_first(site: Site, limit: int) -> None:
    seller, clock = site.program(), site.gateway.runtime.clock
    for days in (3, 1, 2):
        starts_at = instants.shown(clock.now() + timedelta(days=days))
        event = await seller.announces(startsAt=starts_at)
        for number in range(3):
            await seller.sells(f"{days}.{number}", eventId=event["id"])
    await seller.sells("no event")
    mine = f"seller={seller.user_id}&sort=startsAt&limit={limit}"
    expected = [f"{days}.{number}" for days in (1, 2, 3) for number in range(3)]
    assert titles(await listed(site, mine)) == expected
    assert titles(await listed(site, f"{mine}&event={event['id']}")) == expected[3:6]


@pytest.mark.parametrize("query", ["category=opera", "city=", "event=", "sort=soonest"])
async def test_searches_that_make_no_sense(site: Site, query: str) -> None:
    assert (await site.call("GET", f"/api/tickets?{query}")).status == 400


async def test_what_is_unsold_when_the_event_starts_is_withdrawn(site: Site) -> None:
    seller, event = site.program(), await soon(site.program())
    ticket = await seller.sells(eventId=event["id"])
    changed = await seller.sells()
    said = {"title": "Row 1", "price": 20, "eventId": event["id"]}
    assert (await seller.call("PUT", f"/api/tickets/{changed['id']}", json=said)).status == 200
    spared = await seller.sells(eventId=event["id"])
    said = {"title": "Row 1", "price": 20, "eventId": None}
    assert (await seller.call("PUT", f"/api/tickets/{spared['id']}", json=said)).status == 200
    await started(site, event)
    for each in (ticket, changed):
        shown = await withdrawn(site, each)
        assert (shown["status"], shown["withdrawReason"]) == ("withdrawn", "event_started")
        late = await site.program().call("POST", "/api/orders", json={"ticketId": each["id"]})
        assert (late.status, late.body["code"]) == (409, "event_started")
    shown = (await site.call("GET", f"/api/tickets/{spared['id']}")).body
    assert shown["status"] == "available"
    again = await seller.call("DELETE", f"/api/tickets/{ticket['id']}")
    assert again.status == 204


async def test_a_reservation_from_before_the_start_can_still_be_paid(site: Site) -> None:
    event = await soon(site.program())
    ticket = await site.program().sells(eventId=event["id"])
    buyer = site.program()
    order = await buyer.buys(ticket)
    await started(site, event)
    late = await site.program().call("POST", "/api/orders", json={"ticketId": ticket["id"]})
    assert late.status == 409
    again = await buyer.call("POST", "/api/orders", json={"ticketId": ticket["id"]})
    assert (again.status, again.body["id"]) == (200, order["id"])
    paid = await buyer.pays(order)
    assert paid.status == 201, paid.body
    shown = (await site.call("GET", f"/api/tickets/{ticket['id']}")).body
    assert shown["status"] == "sold"


async def test_a_reservation_that_is_let_go_after_the_start_ends_on_the_shelf(site: Site) -> None:
    event = await soon(site.program())
    ticket = await site.program().sells(eventId=event["id"])
    buyer = site.program()
    order = await buyer.buys(ticket)
    await started(site, event)
    assert (await buyer.call("DELETE", f"/api/orders/{order['id']}")).status == 204
    shown = (await site.call("GET", f"/api/tickets/{ticket['id']}")).body
    assert (shown["status"], shown["withdrawReason"]) == ("withdrawn", "event_started")
