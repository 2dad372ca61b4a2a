"""Placing, looking at and cancelling orders."""

import asyncio
import re

import pytest

from tests.functional.conftest import SiteFactory
from tests.functional.running_site import Site
from tests.support import wait


async def test_an_order_is_the_ticket_as_it_was_reserved(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    ticket = await seller.sells("Final", "19.99", currency="eur", delivery="code")
    made = await buyer.call("POST", "/api/orders", json={"ticketId": ticket["id"], "price": 19.99})
    order = made.body
    assert made.status == 201
    assert made.headers["Location"] == f"/api/orders/{order['id']}"
    assert set(order) == {"id", "userId", "status", "expiresAt", "version", "createdAt", "ticket"}
    assert order["userId"] == buyer.user_id
    assert order["ticket"] == {
        "id": ticket["id"],
        "title": "Final",
        "price": 19.99,
        "currency": "eur",
        "version": 2,
    }
    seen = (await seller.call("GET", f"/api/tickets/{ticket['id']}")).body
    assert (seen["status"], seen["orderId"]) == ("reserved", order["id"])
    assert seen["reservedUntil"] == order["expiresAt"]


async def test_who_holds_the_ticket_gets_the_same_order_again(site: Site) -> None:
    buyer = site.program()
    ticket = await site.program().sells()
    order = await buyer.buys(ticket)
    again = await buyer.call("POST", "/api/orders", json={"ticketId": ticket["id"]})
    assert (again.status, again.body) == (200, order)
    assert len((await buyer.call("GET", "/api/orders")).body) == 1


async def test_only_one_of_many_gets_the_ticket(site: Site) -> None:
    ticket = await site.program().sells()
    said = {"ticketId": ticket["id"]}
    answers = await asyncio.gather(
        *(site.program().call("POST", "/api/orders", json=said) for _ in range(20))
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 19
    order = next(answer.body for answer in answers if answer.status == 201)
    for answer in answers:
        if answer.status == 409:
            assert answer.body["code"] == "ticket_unavailable"
            assert answer.body["availableAt"] == order["expiresAt"]
            assert answer.fields == {"ticketId"}


async def test_refusals(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    ticket = await seller.sells(price=20)
    own = await seller.call("POST", "/api/orders", json={"ticketId": ticket["id"]})
    assert (own.status, own.body["code"]) == (409, "own_ticket")
    said = {"ticketId": ticket["id"], "price": 19}
    dear = await buyer.call("POST", "/api/orders", json=said)
    assert (dear.status, dear.body["code"]) == (409, "price_changed")
    said = {"ticketId": ticket["id"], "price": "20.001"}
    odd = await buyer.call("POST", "/api/orders", json=said)
    assert (odd.status, odd.fields) == (400, {"price"})


async def test_so_many_reservations_at_a_time(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    tickets = [await seller.sells(f"{number}") for number in range(5)]
    orders = [await buyer.buys(ticket) for ticket in tickets[:4]]
    fifth = await buyer.call("POST", "/api/orders", json={"ticketId": tickets[4]["id"]})
    assert (fifth.status, fifth.body["code"]) == (429, "too_many_reservations")
    assert 0 < int(fifth.headers["Retry-After"]) <= 900
    again = await buyer.call("POST", "/api/orders", json={"ticketId": tickets[0]["id"]})
    assert again.status == 200
    await buyer.call("DELETE", f"/api/orders/{orders[0]['id']}")
    await buyer.buys(tickets[4])


async def test_so_many_reservations_at_the_same_moment(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    tickets = [await seller.sells(f"{number}") for number in range(8)]
    answers = await asyncio.gather(
        *(buyer.call("POST", "/api/orders", json={"ticketId": ticket["id"]}) for ticket in tickets)
    )
    assert sorted(answer.status for answer in answers) == [201] * 4 + [429] * 4


async def test_cancelling_frees_the_ticket_at_once(site: Site) -> None:
    buyer = site.program()
    ticket = await site.program().sells()
    order = await buyer.buys(ticket)
    path = f"/api/orders/{order['id']}"
    assert (await buyer.call("DELETE", path)).status == 204
    assert (await buyer.call("DELETE", path)).status == 204
    shown = (await buyer.call("GET", path)).body
    assert (shown["status"], shown["cancelReason"]) == ("cancelled", "user")
    free = (await site.call("GET", f"/api/tickets/{ticket['id']}")).body
    assert free["status"] == "available"
    assert "reservedUntil" not in free
    await site.program().buys(ticket)


async def test_a_complete_order_cannot_be_cancelled(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    assert (await buyer.pays(order)).status == 201
    cancelled = await buyer.call("DELETE", f"/api/orders/{order['id']}")
    assert (cancelled.status, cancelled.body["code"]) == (409, "order_complete")


async def test_own_orders_newest_first_a_page_at_a_time(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    orders = [await buyer.buys(await seller.sells(f"{number}")) for number in range(4)]
    await buyer.call("DELETE", f"/api/orders/{orders[1]['id']}")
    assert (await buyer.pays(orders[2])).status == 201
    ids = [order["id"] for order in reversed(orders)]
    first = await buyer.call("GET", "/api/orders?limit=3")
    assert [order["id"] for order in first.body] == ids[:3]
    second = await buyer.call("GET", re.findall("<(.*)>", first.headers["Link"])[0])
    assert [order["id"] for order in second.body] == ids[3:]
    assert "Link" not in second.headers
    for status, expected in [
        ("created", [3, 0]),
        ("cancelled", [1]),
        ("complete", [2]),
        ("complete,cancelled", [2, 1]),
        ("awaiting:payment", []),
        ("any", [3, 2, 1, 0]),
    ]:
        found = await buyer.call("GET", f"/api/orders?status={status}")
        assert [order["id"] for order in found.body] == [orders[n]["id"] for n in expected]


async def test_what_has_expired_reads_so(start_site: SiteFactory) -> None:
    site = await start_site(reservation_seconds=0.2)
    seller, buyer = site.program(), site.program()
    ticket = await seller.sells()
    order = await buyer.buys(ticket)

    async def has_ended() -> bool:
        seen = await buyer.call("GET", f"/api/orders/{order['id']}")
        return bool(seen.body["status"] == "cancelled")

    await wait.until(has_ended, "the order expires")
    seen = await buyer.call("GET", f"/api/orders/{order['id']}")
    assert seen.body["cancelReason"] == "expired"
    free = (await site.call("GET", f"/api/tickets/{ticket['id']}")).body
    assert free["status"] == "available"
    paid = await buyer.pays(order)
    assert (paid.status, paid.body["code"]) == (409, "order_expired")


@pytest.mark.parametrize("status", ["available", "available,reserved", "any"])
async def test_overdue_rows_read_as_if_their_timers_had_run(site: Site, status: str) -> None:
    seller, buyer = site.program(), site.program()
    ticket = await seller.sells()
    order = await buyer.buys(ticket)
    # Time passes for the rows alone: the actors and their timers do not hear of it.
    pool = site.system.store.pool
    await pool.execute(
        "update tickets set reserved_until = now() - interval '1 s' where id = $1", ticket["id"]
    )
    await pool.execute(
        "update orders set expires_at = now() - interval '1 s' where id = $1", order["id"]
    )
    one = (await buyer.call("GET", f"/api/tickets/{ticket['id']}")).body
    query = f"seller={seller.user_id}&status={status}"
    (several,) = (await buyer.call("GET", f"/api/tickets?{query}")).body
    assert one["status"] == several["status"] == "available"
    assert not {"orderId", "reservedUntil"} & (one.keys() | several.keys())
    reserved = await site.call("GET", f"/api/tickets?seller={seller.user_id}&status=reserved")
    assert reserved.body == []
    for shown in (
        (await buyer.call("GET", f"/api/orders/{order['id']}")).body,
        (await buyer.call("GET", "/api/orders?status=cancelled")).body[0],
    ):
        assert (shown["status"], shown["cancelReason"]) == ("cancelled", "expired")
    assert (await buyer.call("GET", "/api/orders?status=created")).body == []
