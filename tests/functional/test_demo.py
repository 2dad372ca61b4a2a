"""`ticketing demo`: something to look at, put up once, with the server up or down."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.functional.conftest import SiteFactory
from tests.support import server
from ticketing import demo
from ticketing.demo import content
from ticketing.demo.client import answers_at
from ticketing.demo.fill import Made, fill
from ticketing.events import Category
from ticketing.settings import Settings
from ticketing.values import CURRENCIES

NOW = datetime(2026, 3, 28, 22, 15, tzinfo=UTC)  # Before clocks change in most of Europe.


def test_the_content_is_plausible_and_always_the_same() -> None:
    programme = content.events(NOW)
    assert programme == content.events(NOW)
    assert len({event.name for event in programme}) == len(programme) == 40
    assert {event.category for event in programme} == set(Category)
    for event in programme:
        assert NOW < event.starts_at < NOW + timedelta(days=200)
        assert event.starts_at.astimezone(ZoneInfo(event.time_zone)).minute == 30
        assert event.currency in CURRENCIES
    assert len({event.currency for event in programme}) >= 5


def test_no_seat_is_offered_twice_and_nobody_buys_from_themselves() -> None:
    offered = list(content.tickets(content.events(NOW)))
    places = Counter((each.event.name, each.section, each.row, each.seat) for each in offered)
    assert len(places) == len(offered) == content.TICKETS
    bought = [each for each in offered if each.buyer is not None]
    assert all(each.seller != each.buyer for each in bought)
    held = Counter(each.buyer for each in bought if not each.is_paid)
    assert max(held.values()) <= Settings().live_reservations_max
    assert sum(each.is_paid for each in bought) > 20


async def test_it_is_put_up_once_and_what_is_missing_is_added(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    now = site.gateway.runtime.clock.now()
    made = await fill(site.url, now)
    assert (made.events, made.tickets) == (40, content.TICKETS)
    counted = dict(
        await site.gateway.reads.rows("select status, count(*) from tickets group by status")
    )
    assert (counted["sold"], counted["reserved"]) == (made.sold, made.reserved)
    assert made.reserved > 0
    assert await fill(site.url, now + timedelta(days=1)) == Made()
    # Somebody's run was interrupted: a ticket less.
    await site.gateway.reads.rows(
        "update tickets set seat = 'x' where id = (select min(id) from tickets)"
    )
    assert (await fill(site.url, now)).tickets == 1
    shown = await site.call("GET", "/api/events?limit=100")
    assert len(shown.body) == 40


async def test_it_is_not_for_production() -> None:
    live = Settings(stripe_key="sk_live_x", stripe_webhook_secrets=("whsec_x",))
    with pytest.raises(demo.DemoError, match="live key"):
        await demo.run(live)


async def test_what_is_no_server_of_ours_is_left_alone(start_site: SiteFactory) -> None:
    site = await start_site()
    assert await answers_at(site.url)
    assert not await answers_at("http://127.0.0.1:9")
    with pytest.raises(demo.DemoError, match="status 404"):
        await answers_at(f"{site.url}/nowhere")


async def command(data_dir: Path, environment: Mapping[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ticketing", "demo",
        env={**os.environ, "TICKETING_DATA_DIR": str(data_dir), **environment},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def test_the_command_works_with_the_server_up_and_down(
    data_dir: Path, tmp_path: Path
) -> None:
    async with server.running(data_dir, tmp_path / "log") as running:
        url = {"TICKETING_PUBLIC_URL": running.url}
        status, printed = await command(data_dir, url)
    assert (status, printed.splitlines()[0][:37]) == (0, "put up 40 events and 300 tickets, of ")
    for person in content.PEOPLE:
        assert person.email in printed
        assert person.password in printed
    status, printed = await command(data_dir, url)
    assert status == 0
    assert "there already" in printed
