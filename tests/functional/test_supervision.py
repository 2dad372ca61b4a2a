"""A fault in a handler, seen from outside: who is refused, who is not, and what the operator sees.

The fault is in the ticket's handler and strikes those called "Broken": a ticket, or many.
"""

import asyncio
import statistics
import time
from dataclasses import replace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from actors import Turn, supervisor
from actors.supervisor import DEGRADED_AFTER_ACTORS, QUARANTINE_AFTER
from tests.functional.conftest import SiteFactory
from tests.functional.running_site import Program, Site
from tests.support.wait import until
from ticketing.tickets import messages as tickets
from ticketing.tickets.actor import Ticket

BROKEN = "Broken"


class Fault:
    """A mistake in the handler of `Reserve`, until it is mended."""

    is_there = True


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Fault:
    fault = Fault()
    monkeypatch.setattr(supervisor, "log", structlog.get_logger("actors.supervisor"))
    right = Ticket.handlers[tickets.Reserve]

    async def reserve(ticket: Ticket, message: Any, turn: Turn[Any]) -> Any:
        if fault.is_there and turn.state.title == BROKEN:
            raise ZeroDivisionError("a price divided by nothing")
        return await right.function(ticket, message, turn)

    wrong = {**Ticket.handlers, tickets.Reserve: replace(right, function=reserve)}
    monkeypatch.setattr(Ticket, "handlers", wrong)
    return fault


async def metric(site: Site, line: str) -> float:
    """The value of the metric that *line* names, labels and all."""
    text = (await site.call("GET", "/metrics")).body
    found = [row for row in text.splitlines() if row.startswith(line + " ")]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


async def attempts(site: Site, ticket: dict[str, Any]) -> int:
    """The status that somebody new gets who wants *ticket*."""
    answer = await site.program().call("POST", "/api/orders", json={"ticketId": ticket["id"]})
    if answer.status == 503:
        assert int(answer.headers["Retry-After"]) >= 1
    return answer.status


async def seconds_to_buy(site: Site, seller: Program, count: int) -> float:
    """The median time that an order for a ticket in order takes."""
    taken = []
    for _ in range(count):
        ticket = await seller.sells()
        began = time.perf_counter()
        assert await attempts(site, ticket) == 201
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


@pytest.mark.usefixtures("fault")
async def test_an_actor_that_always_fails_is_quarantined_alone(
    start_site: SiteFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    site = await start_site()
    seller = site.program()
    broken = await seller.sells(title=BROKEN)
    before = await seconds_to_buy(site, seller, 20)

    async def is_quarantined() -> bool:
        await attempts(site, broken)
        return await metric(site, 'actors_quarantined{service="tickets"}') == 1

    with capture_logs() as lines:
        await until(is_quarantined, "the actor is quarantined")
        meanwhile = await seconds_to_buy(site, seller, 20)
        assert await attempts(site, broken) == 503

    crashes = [line for line in lines if line["event"] == "actor.crashed"]
    assert {line["actor"] for line in crashes} == {f"ticket/{broken['id']}"}
    assert len(crashes) == QUARANTINE_AFTER
    assert [line["actor"] for line in lines if line["event"] == "actor.quarantined"] == [
        f"ticket/{broken['id']}"
    ]
    assert await metric(site, 'actors_restarts_total{service="tickets"}') == QUARANTINE_AFTER
    assert await metric(site, 'actors_service_degraded{service="tickets"}') == 0
    assert await metric(site, 'actors_restarts_total{service="orders"}') == 0
    with capsys.disabled():
        print(f"\nneighbours: {before * 1000:.1f} ms before, {meanwhile * 1000:.1f} ms beside it")


async def test_many_that_fail_degrade_their_service_until_it_is_mended(
    start_site: SiteFactory, fault: Fault
) -> None:
    site = await start_site()
    seller = site.program()
    broken = [await seller.sells(title=BROKEN) for _ in range(DEGRADED_AFTER_ACTORS + 10)]
    good = await seller.sells()
    buyer = site.program()
    order = await buyer.buys(await seller.sells())
    degraded = 'actors_service_degraded{service="tickets"}'

    with capture_logs() as lines:
        statuses = await asyncio.gather(*[attempts(site, ticket) for ticket in broken])
        assert set(statuses) <= {500, 503}
        assert await metric(site, degraded) == 1
        assert await attempts(site, good) in {201, 503}  # The good one may be the probe.

        # The others go on: reading, signing up, and what an order does by itself.
        assert (await site.call("GET", f"/api/tickets/{good['id']}")).status == 200
        assert (await buyer.call("GET", f"/api/orders/{order['id']}")).status == 200
        async with site.browser() as browser:
            assert (await browser.signs_up()).status == 201
        for service in ("auth", "orders", "payments", "expiration"):
            assert await metric(site, f'actors_service_degraded{{service="{service}"}}') == 0

        fault.is_there = False

        async def has_recovered() -> bool:
            for ticket in broken:
                await attempts(site, ticket)
            return await metric(site, degraded) == 0

        await until(has_recovered, "the service recovers", seconds=60)

    assert await attempts(site, await seller.sells()) == 201
    events = [line["event"] for line in lines]
    assert events.count("service.degraded") == events.count("service.recovered") == 1
