"""Live updates, over real sockets and with a client that is not ours (`websockets`)."""

from tests.functional.running_site import Program, Site
from tests.support.live import opened


def bearer(person: Program) -> dict[str, str]:
    return {"Authorization": f"Bearer {person.token}"}


async def test_a_ticket_is_watched_from_listing_to_reservation(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    ticket = await seller.sells()
    topic = f"ticket:{ticket['id']}"
    async with opened(site.url) as client:
        assert client.welcome["user"] is None
        assert client.connection.subprotocol == "tickets.v1"
        subbed = await client.sub(topic, id=7)
        assert (subbed["id"], subbed["mode"], subbed["topic"]) == (7, "snapshot", topic)
        assert subbed["items"] == [{"kind": "ticket", **ticket}]
        await buyer.buys(ticket)
        update = await client.op("upd")
        assert update["prev"] == subbed["cursor"]
        [item] = update["items"]
        shown = await site.call("GET", f"/api/tickets/{ticket['id']}")
        assert item == {"kind": "ticket", **shown.body}
        assert item["status"] == "reserved"


async def test_a_feed_tells_what_is_listed_from_now_on(site: Site) -> None:
    seller = site.program()
    async with opened(site.url) as client:
        subbed = await client.sub("tickets")
        assert (subbed["mode"], subbed["items"]) == ("reset", [])
        ticket = await seller.sells()
        assert (await client.item(ticket["id"]))["title"] == ticket["title"]


async def test_me_is_own_orders_and_own_listings(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    ticket = await seller.sells(delivery="the code")
    async with (
        opened(site.url, additional_headers=bearer(seller)) as sells,
        opened(site.url, additional_headers=bearer(buyer)) as buys,
    ):
        assert buys.welcome["user"] == {"id": buyer.user_id}
        [own] = (await sells.sub("me"))["items"]
        assert own == {"kind": "ticket", **ticket}
        assert own["delivery"] == "the code"
        assert (await buys.sub("me"))["items"] == []
        order = await buyer.buys(ticket)
        assert await buys.item(order["id"]) == {"kind": "order", **order}
        assert (await sells.item(ticket["id"], status="reserved"))["orderId"] == order["id"]
        paid = await buyer.pays(order)
        assert paid.status == 201, paid.body
        complete = await buys.item(order["id"], status="complete")
        shown = await buyer.call("GET", f"/api/orders/{order['id']}")
        assert complete == {"kind": "order", **shown.body}
        assert complete["delivery"] == "the code"
