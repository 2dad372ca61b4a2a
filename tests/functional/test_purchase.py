"""A purchase from the listing to the code that opens the door."""

from tests.functional.running_site import Site


async def test_a_ticket_is_listed_reserved_paid_and_delivered(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    ticket = await seller.sells("Semi-final", "19.99", delivery="Code 1234", section="A")
    assert ticket["price"] == 19.99
    assert ticket["delivery"] == "Code 1234"
    order = await buyer.buys(ticket)
    assert order["status"] == "created"
    assert "delivery" not in order
    paid = await buyer.pays(order)
    assert (paid.status, paid.body["status"]) == (201, "captured"), paid.body
    done = await buyer.call("GET", f"/api/orders/{order['id']}")
    assert done.body["status"] == "complete"
    assert done.body["delivery"] == "Code 1234"
    sold = await site.call("GET", f"/api/tickets/{ticket['id']}")
    assert sold.body["status"] == "sold"
