"""Many people want the same thing at once; exactly one gets it, and all the others are told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from actors.store import Commit, Outcome
from tests.functional.conftest import SiteFactory
from tests.functional.running_site import Answer, Program, Site
from tests.support.wait import until
from ticketing.tickets import TICKET

BUYERS = 200


async def test_of_200_buyers_at_once_one_gets_the_ticket_and_the_rest_are_told(site: Site) -> None:
    ticket = await site.program().sells()
    buyers = [site.program() for _ in range(BUYERS)]
    answers = await asyncio.gather(*(order(buyer, ticket) for buyer in buyers))
    assert sorted(answer.status for answer in answers) == [201] + [409] * (BUYERS - 1)
    refusals = [answer.body for answer in answers if answer.status == 409]
    assert {refusal["code"] for refusal in refusals} == {"ticket_unavailable"}
    won = next(answer.body for answer in answers if answer.status == 201)
    assert {refusal["availableAt"] for refusal in refusals} == {won["expiresAt"]}


async def test_one_buyers_many_attempts_at_once_are_one_order(site: Site) -> None:
    ticket = await site.program().sells()
    buyer = site.program()
    answers = await asyncio.gather(*(order(buyer, ticket) for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [200] * 49 + [201]
    assert len({answer.body["id"] for answer in answers}) == 1


async def test_editing_withdrawing_and_reserving_at_once_is_one_of_them_after_the_other(
    site: Site,
) -> None:
    for _ in range(20):
        seller, buyer = site.program(), site.program()
        ticket = await seller.sells("Row 1", 20)
        path = f"/api/tickets/{ticket['id']}"
        edited, withdrawn, ordered = await asyncio.gather(
            seller.call("PUT", path, json={"title": "Row 2", "price": 30}),
            seller.call("DELETE", path),
            order(buyer, ticket),
        )
        found = (await site.call("GET", path)).body
        assert {edited.status, withdrawn.status, ordered.status} <= {200, 201, 204, 409}
        if ordered.status == 201:
            assert withdrawn.body["code"] == "ticket_reserved"
            assert found["status"] == "reserved"
            # What was reserved is what is charged, whether the edit came before or was refused.
            assert ordered.body["ticket"]["price"] == (30 if edited.status == 200 else 20)
            assert found["price"] == ordered.body["ticket"]["price"]
        else:
            assert (withdrawn.status, found["status"]) == (204, "withdrawn")


async def test_a_replayed_cancel_leaves_the_next_buyers_reservation_alone(site: Site) -> None:
    ticket = await site.program().sells()
    first, second = site.program(), site.program()
    cancelled = await first.buys(ticket)
    path = f"/api/orders/{cancelled['id']}"
    key = {"Idempotency-Key": "cancel-1"}
    assert (await first.call("DELETE", path, headers=key)).status == 204
    held = await second.buys(ticket)
    assert (await first.call("DELETE", path, headers=key)).status == 204
    assert (await first.call("DELETE", path)).status == 204
    kept = await second.call("GET", f"/api/orders/{held['id']}")
    assert kept.body["status"] == "created"
    assert (await site.call("GET", f"/api/tickets/{ticket['id']}")).body["status"] == "reserved"


@pytest.mark.parametrize(
    ("price", "minor"), [(19.99, 1999), ("20.10", 2010), (1.10, 110), (0.57, 57)]
)
async def test_what_is_shown_is_what_is_charged(site: Site, price: Any, minor: int) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells(price=price))
    assert (await buyer.pays(order)).status == 201
    held = (await site.http.get(f"{site.sandbox}/_sandbox/intents")).json()
    charged = [
        intent["amount_received"]
        for intent in (await held)["intents"]
        if intent["metadata"]["order_id"] == order["id"]
    ]
    assert charged == [minor]


async def test_a_bad_row_in_a_batch_of_64_fails_alone(
    start_site: SiteFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await start_site()
    seller, sizes = site.program(), []
    commit = site.system.store.commit

    async def noting_sizes(batch: Sequence[Commit]) -> list[Outcome]:
        sizes.append(len(batch))
        return await commit(batch)

    monkeypatch.setattr(site.system.store, "commit", noting_sizes)
    async with site.system.store.pool.acquire() as connection:
        await connection.execute("alter table tickets add check (title <> 'refused by the table')")
        # Nothing can be committed while somebody else holds the partitions: one batch fills.
        async with connection.transaction():
            await connection.execute("select from partition for update")
            offers = [
                asyncio.ensure_future(offer(seller, number))  # noqa: TID251 - clients at work
                for number in range(64)
            ]
            await until(lambda: tickets_at_work(site) == 64, "all 64 wait for their commit")
    answers = await asyncio.gather(*offers)
    statuses = [answer.status for answer in answers]
    assert statuses.pop(40) == 500
    assert statuses == [201] * 63
    assert max(sizes) >= 60


async def offer(seller: Program, number: int) -> Answer:
    title = "refused by the table" if number == 40 else f"Seat {number}"
    return await seller.call("POST", "/api/tickets", json={"title": title, "price": 5})


def tickets_at_work(site: Site) -> int:
    """How many tickets have a message that is not done."""
    live = site.system.runtime.resident.values()
    return sum(each.is_running for each in live if each.ref.kind == TICKET)


async def order(buyer: Program, ticket: dict[str, Any]) -> Answer:
    return await buyer.call("POST", "/api/orders", json={"ticketId": ticket["id"]})
