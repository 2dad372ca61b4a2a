"""Who lets a ticket lapse again and again, so that nobody gets it, waits."""

from datetime import timedelta
from typing import Any

from actors import Ref
from tests.functional.conftest import SiteFactory
from tests.functional.running_site import Program, Site
from ticketing import tickets
from ticketing.tickets import messages
from ticketing.values import OrderId, TicketId, UserId
from web import instants

LAPSES = 3
NOW = timedelta(0)


async def lets_lapse(site: Site, ticket: dict[str, Any], buyer: Program) -> None:
    """Reserve it for no time at all: before the next message it has lapsed."""
    await site.gateway.runtime.ask(
        the(ticket),
        messages.Reserve(
            order_id=OrderId(site.gateway.runtime.ids.new()),
            buyer_id=UserId(buyer.user_id),
            window=NOW,
        ),
    )


def the(ticket: dict[str, Any]) -> Ref:
    return tickets.ticket(TicketId(ticket["id"]))


async def buys(buyer: Program, ticket: dict[str, Any]) -> Any:
    return await buyer.call("POST", "/api/orders", json={"ticketId": ticket["id"]})


async def test_from_the_third_lapse_on_others_go_first(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    seller, griefer, other = site.program(), site.program(), site.program()
    ticket, second = await seller.sells(), await seller.sells()
    for _ in range(LAPSES):
        await lets_lapse(site, ticket, griefer)
    refused = await buys(griefer, ticket)
    assert (refused.status, refused.body["code"]) == (409, "cooldown")
    wait = instants.parse(refused.body["availableAt"]) - site.gateway.runtime.clock.now()
    assert timedelta(minutes=14) < wait <= timedelta(minutes=15)
    # It is about this ticket and this buyer, and it is kept with the ticket.
    assert (await buys(griefer, second)).status == 201
    row = await site.gateway.reads.value(
        "select lapses::text from tickets where id = $1", ticket["id"]
    )
    assert griefer.user_id in row
    order = await buys(other, ticket)
    assert order.status == 201
    assert (await buys(griefer, ticket)).body["code"] == "ticket_unavailable"
    assert (await other.call("DELETE", f"/api/orders/{order.body['id']}")).status == 204
    assert (await buys(griefer, ticket)).body["code"] == "cooldown"
    await is_not_hit_while_paying(site, site.program())


async def is_not_hit_while_paying(site: Site, buyer: Program) -> None:
    ticket = await site.program().sells()
    for _ in range(LAPSES - 1):
        await lets_lapse(site, ticket, buyer)
    order = await buyer.buys(ticket)
    assert (await buyer.pays(order, "tok_chargeDeclined")).status == 402
    again = await buys(buyer, ticket)
    assert (again.status, again.body["id"]) == (200, order["id"])
    assert (await buyer.pays(order)).status == 201


async def test_without_limits_nobody_waits(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    ticket = await seller.sells()
    for _ in range(LAPSES + 1):
        await lets_lapse(site, ticket, buyer)
    assert (await buys(buyer, ticket)).status == 201
