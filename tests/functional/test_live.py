"""Live updates, over real sockets and with a client that is not ours (`websockets`)."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.functional.running_site import Program, Site
from tests.support.live import LiveClient, Replica, opened


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


async def test_an_event_is_watched_and_a_ticket_that_leaves_it_is_removed(site: Site) -> None:
    seller = site.program()
    first, second = [await announced(seller, name) for name in ("Derby", "Return match")]
    ticket = await seller.sells(eventId=first["id"])
    async with opened(site.url) as client:
        topics = [f"event:{event['id']}" for event in (first, second)]
        await client.sub(*topics)
        assert set(client.replica.items[topics[0]]) == {ticket["id"]}
        other = await seller.sells(eventId=first["id"])
        await client.item(other["id"])
        moved = {"title": "Row 1", "price": 20, "eventId": second["id"]}
        answer = await seller.call("PUT", f"/api/tickets/{ticket['id']}", json=moved)
        assert answer.status == 200, answer.body
        shown = await client.item(ticket["id"], version=2)
        assert shown == {"kind": "ticket", **answer.body}
        await until_true(client, lambda: set(client.replica.items[topics[0]]) == {other["id"]})
        assert set(client.replica.items[topics[1]]) == {ticket["id"]}


async def test_clients_that_come_and_go_have_in_the_end_what_the_server_has(site: Site) -> None:
    dice = random.Random(7)  # noqa: S311
    seller = site.program()
    event = await announced(seller, "Cup final")
    tickets = [await seller.sells(eventId=event["id"]) for _ in range(10)]
    topics = [f"event:{event['id']}", f"ticket:{tickets[0]['id']}"]
    replicas = [Replica() for _ in range(8)]
    is_over = asyncio.Event()

    async def comes_and_goes(replica: Replica) -> None:
        while not is_over.is_set():
            async with opened(site.url, replica=replica) as client:
                await client.sub(*topics)
                for _ in range(dice.randrange(4)):
                    if not is_over.is_set():
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(0.05):
                                await client.next()

    async def buys_and_lets_go() -> None:
        try:
            for _ in range(40):
                buyer = site.program()
                order = await buyer.buys(dice.choice(tickets[:5]))
                gone = await buyer.call("DELETE", f"/api/orders/{order['id']}")
                assert gone.status == 204, gone.body
        finally:
            is_over.set()

    async with asyncio.TaskGroup() as tasks:
        for replica in replicas:
            tasks.create_task(comes_and_goes(replica))
        tasks.create_task(buys_and_lets_go())
    truth = {
        each["id"]: {
            "kind": "ticket",
            **(await site.call("GET", f"/api/tickets/{each['id']}")).body,
        }
        for each in tickets
    }
    for replica in replicas:
        async with opened(site.url, replica=replica) as client:
            await client.sub(*topics)
        assert replica.items[topics[0]] == truth
        assert replica.items[topics[1]] == {tickets[0]["id"]: truth[tickets[0]["id"]]}
        assert replica.gaps == 0


async def announced(person: Program, name: str) -> dict[str, Any]:
    said = {
        "name": f"{name} {uuid4()}",
        "category": "sports",
        "venue": "Lake Arena",
        "city": "Oslo",
        "startsAt": (datetime.now(UTC) + timedelta(days=30)).isoformat(),  # noqa: TID251
        "timeZone": "Europe/Oslo",
        "distinct": True,
    }
    made = await person.call("POST", "/api/events", json=said)
    assert made.status == 201, made.body
    event: dict[str, Any] = made.body
    return event


async def until_true(client: LiveClient, condition: Callable[[], bool]) -> None:
    while not condition():
        await client.next()
