"""Announcing events, finding them, and not announcing them twice."""

import asyncio
import re
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from tests.functional.running_site import Answer, Program, Site
from tests.support.wait import until
from web import instants

NO_ID = "01900000-0000-7000-8000-000000000000"


def later(event: dict[str, Any], **delta: float) -> str:
    """An instant so long after the event's start."""
    return instants.shown(datetime.fromisoformat(event["startsAt"]) + timedelta(**delta))


async def announced(somebody: Program, said: dict[str, Any], **options: Any) -> Answer:
    return await somebody.call("POST", "/api/events", json=said, **options)


async def listed(site: Site, query: str) -> list[dict[str, Any]]:
    """All pages of a search, put together."""
    path: str | None = f"/api/events?{query}"
    found: list[dict[str, Any]] = []
    while path is not None:
        answer = await site.call("GET", path)
        assert answer.status == 200, answer.body
        found += answer.body
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        path = None if link is None else link[1]
    return found


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["name"] for event in events]


async def test_an_event_is_what_was_announced(site: Site) -> None:
    somebody = site.program()
    said = site.event(name=f"  Opening {uuid4()} ", venue=" Old Dock", city="Århus ")
    made = await announced(somebody, said)
    assert made.status == 201, made.body
    assert made.headers["Location"] == f"/api/events/{made.body['id']}"
    trimmed = {name: text.strip() for name, text in said.items()}
    rest = {"id": made.body["id"], "createdAt": made.body["createdAt"]}
    assert made.body == {**trimmed, **rest, "userId": somebody.user_id, "version": 1}
    found = await site.call("GET", made.headers["Location"])
    assert (found.status, found.body) == (200, made.body)


async def test_an_instant_is_shown_in_utc_wherever_it_was_said(site: Site) -> None:
    start = site.gateway.runtime.clock.now().replace(microsecond=0) + timedelta(days=3)
    there = start.astimezone(timezone(timedelta(hours=-8)))
    event = await site.program().announces(startsAt=there.isoformat())
    assert event["startsAt"] == instants.shown(start)


async def test_there_is_no_event_without_one(site: Site) -> None:
    for event_id in (NO_ID, "anything"):
        answer = await site.call("GET", f"/api/events/{event_id}")
        assert (answer.status, answer.body["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "x" * 201, "venue": "  "}, {"name", "venue"}),
        ({"city": "a\tb"}, {"city"}),
        ({"category": "opera"}, {"category"}),
        ({"category": None}, {"category"}),
        ({"startsAt": "tomorrow"}, {"startsAt"}),
        ({"startsAt": 1_800_000_000}, {"startsAt"}),
        ({"startsAt": "2099-01-01"}, {"startsAt"}),
        ({"startsAt": "2099-01-01T20:00:00"}, {"startsAt"}),
        ({"startsAt": "0001-01-01T00:00:00+14:00"}, {"startsAt"}),
        ({"startsAt": "2020-01-01T20:00:00Z"}, {"startsAt"}),
        ({"startsAt": "2099-01-01T20:00:00Z"}, {"startsAt"}),
        ({"timeZone": "Oslo"}, {"timeZone"}),
        ({"timeZone": "../../etc/passwd"}, {"timeZone"}),
        ({"timeZone": "europe/oslo"}, {"timeZone"}),
        ({"distinct": "yes"}, {"distinct"}),
        ({"userId": "me"}, {"userId"}),
    ],
)
async def test_an_entry_for_every_rule_that_an_event_breaks(
    site: Site, wrong: dict[str, Any], fields: set[str]
) -> None:
    answer = await announced(site.program(), site.event(**wrong))
    assert (answer.status, answer.fields) == (400, fields), answer.body


async def test_what_is_required(site: Site) -> None:
    answer = await announced(site.program(), {})
    assert (answer.status, answer.fields) == (400, set(site.event()))


async def test_the_same_event_is_announced_once(site: Site) -> None:
    somebody, other = site.program(), site.program()
    name = f"Élan {uuid4()}"
    event = await somebody.announces(name=name, city="Zürich")
    written = name.upper().replace("É", "e").replace(" ", "   ")
    for said in (
        {"name": name, "city": "Zürich", "startsAt": event["startsAt"]},
        {"name": written, "city": "zurich", "startsAt": later(event, hours=12)},
        {"name": written, "city": "ZÜRICH", "startsAt": later(event, hours=-12)},
    ):
        again = await announced(other, site.event(**said))
        assert (again.status, again.body["code"]) == (409, "event_exists"), again.body
        assert again.body["events"] == [event]


async def test_what_is_another_event(site: Site) -> None:
    somebody = site.program()
    event = await somebody.announces()
    for said in (
        {"city": "Bergen", "startsAt": event["startsAt"]},
        {"city": "Oslo", "startsAt": later(event, hours=12, seconds=1)},
        {"city": "Oslo", "startsAt": event["startsAt"], "distinct": True},
    ):
        made = await announced(somebody, site.event(name=event["name"], **said))
        assert made.status == 201, made.body
    again = await announced(
        somebody, site.event(name=event["name"], startsAt=later(event, minutes=-1))
    )
    assert again.status == 409
    # The one in Bergen is not meant, nor the one that is more than half a day away from this.
    assert len(again.body["events"]) == 2


async def test_of_many_who_announce_it_at_once_one_does(site: Site) -> None:
    said = site.event()
    answers = await asyncio.gather(*(announced(site.program(), said) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    (event,) = [answer.body for answer in answers if answer.status == 201]
    for answer in answers:
        assert answer.status == 201 or answer.body["events"] == [event]


@pytest.mark.parametrize("more", [{}, {"distinct": True}])
async def test_a_retry_is_given_the_first_answer(site: Site, more: dict[str, Any]) -> None:
    somebody, key = site.program(), {"Idempotency-Key": str(uuid4())}
    said = site.event(**more)
    first, second = await asyncio.gather(
        announced(somebody, said, headers=key), announced(somebody, said, headers=key)
    )
    assert (first.status, second.status) == (201, 201), (first.body, second.body)
    assert first.body == second.body
    alike = {**said, "startsAt": later(first.body, hours=1), "distinct": True}
    assert (await announced(site.program(), alike)).status == 201
    third = await announced(somebody, said, headers=key)
    assert (third.status, third.body) == (201, first.body)
    other = await announced(somebody, {**said, "venue": "Elsewhere"}, headers=key)
    assert other.status == 422


async def test_pages_are_soonest_first_and_put_together_the_whole_list(site: Site) -> None:
    somebody, city = site.program(), f"City {uuid4()}"
    first = await somebody.announces(name="0", city=city)
    for number in (3, 1, 2, 4):
        await somebody.announces(name=str(number), city=city, startsAt=later(first, hours=number))
    twin = await somebody.announces(name="twin", city=city, startsAt=later(first, hours=2))
    for limit in (1, 2, 5, 100):
        found = await listed(site, f"city={city}&limit={limit}")
        assert [(each["startsAt"], each["id"]) for each in found] == sorted(
            (each["startsAt"], each["id"]) for each in found
        )
        assert set(names(found)) == {"0", "1", "2", "3", "4", "twin"}
    assert twin in await listed(site, f"city={city}")


async def test_searches(site: Site) -> None:
    somebody, mark = site.program(), f"x{uuid4().hex}"
    one = await somebody.announces(name=f"{mark} Ávila quartet", venue="Harbour Hall")
    two = await somebody.announces(
        name=f"{mark} final",
        category="sports",
        city="Malmö",
        venue="Dome",
        startsAt=later(one, days=2),
    )
    assert await listed(site, f"q={mark}") == [one, two]
    assert await listed(site, f"q={mark} harbour") == [one]
    assert await listed(site, f"q={mark}&category=sports") == [two]
    assert await listed(site, f"q={mark}&city=MALMO") == [two]
    assert await listed(site, f"q={mark}&from={two['startsAt']}") == [two]
    assert await listed(site, f"q={mark}&to={two['startsAt']}") == [one]
    assert await listed(site, f"q={mark}&from={one['startsAt']}&to={later(one, days=3)}") == [
        one,
        two,
    ]


@pytest.mark.parametrize(
    "query",
    ["category=opera", "from=now", "to=2026-01-01", "limit=0", "after=x", "sort=newest", "city="],
)
async def test_searches_that_make_no_sense(site: Site, query: str) -> None:
    answer = await site.call("GET", f"/api/events?{query}")
    assert answer.status == 400, answer.body


async def test_events_that_have_started_are_shown_to_those_who_ask(site: Site) -> None:
    clock, city = site.gateway.runtime.clock, f"City {uuid4()}"
    soon = clock.now() + timedelta(milliseconds=300)
    event = await site.program().announces(city=city, startsAt=instants.shown(soon))

    async def is_over() -> bool:
        return await listed(site, f"city={city}") == []

    await until(is_over, "the event has started")
    assert await listed(site, f"city={city}&from=2026-01-01T00:00:00Z") == [event]
    assert (await site.call("GET", f"/api/events/{event['id']}")).body == event
