"""The same request twice is one effect and one answer."""

import asyncio

from actors import derived_id
from tests.functional.running_site import Site

OFFER = {"title": "x", "price": 1, "delivery": "code"}


async def test_copies_of_a_listing_are_one_ticket(site: Site) -> None:
    seller = site.program()
    key = {"Idempotency-Key": "listing-1"}
    answers = await asyncio.gather(
        *(seller.call("POST", "/api/tickets", json=OFFER, headers=key) for _ in range(8))
    )
    assert {answer.status for answer in answers} == {201}
    assert {str(answer.body) for answer in answers} == {str(answers[0].body)}
    assert answers[0].body["id"] == derived_id(seller.user_id, "/api/tickets", "listing-1")
    found = await site.call("GET", f"/api/tickets?seller={seller.user_id}")
    assert len(found.body) == 1


async def test_the_key_is_its_owners_its_paths_and_its_bodys(site: Site) -> None:
    seller, other = site.program(), site.program()
    key = {"Idempotency-Key": "k"}
    first = await seller.call("POST", "/api/tickets", json=OFFER, headers=key)
    theirs = await other.call("POST", "/api/tickets", json=OFFER, headers=key)
    assert first.body["id"] != theirs.body["id"]
    changed = await seller.call("POST", "/api/tickets", json={**OFFER, "price": 2}, headers=key)
    assert (changed.status, changed.body["code"]) == (422, "idempotency_key_reused")
    path = f"/api/tickets/{first.body['id']}"
    assert (await seller.call("PUT", path, json=OFFER, headers=key)).status == 200


async def test_a_retried_change_is_made_once(site: Site) -> None:
    seller = site.program()
    path = f"/api/tickets/{(await seller.sells())['id']}"
    key = {"Idempotency-Key": "change", "If-Match": '"1"'}
    first = await seller.call("PUT", path, json=OFFER, headers=key)
    again = await seller.call("PUT", path, json=OFFER, headers=key)
    assert first.status == 200
    assert (first.status, first.body) == (again.status, again.body)
    key = {"Idempotency-Key": "withdraw"}
    for _ in range(2):
        assert (await seller.call("DELETE", path, headers=key)).status == 204


async def test_a_retried_order_is_the_same_order(site: Site) -> None:
    buyer = site.program()
    said = {"ticketId": (await site.program().sells())["id"]}
    key = {"Idempotency-Key": "order"}
    answers = await asyncio.gather(
        *(buyer.call("POST", "/api/orders", json=said, headers=key) for _ in range(5))
    )
    assert {(answer.status, answer.body["id"]) for answer in answers} == {
        (201, answers[0].body["id"])
    }
    other = {"ticketId": (await site.program().sells())["id"]}
    reused = await buyer.call("POST", "/api/orders", json=other, headers=key)
    assert reused.status == 422
    path = f"/api/orders/{answers[0].body['id']}"
    for _ in range(2):
        assert (await buyer.call("DELETE", path, headers=key)).status == 204


async def test_a_refusal_is_decided_afresh(site: Site) -> None:
    buyer, rival = site.program(), site.program()
    ticket = await site.program().sells()
    order = await rival.buys(ticket)
    key = {"Idempotency-Key": "again"}
    said = {"ticketId": ticket["id"]}
    assert (await buyer.call("POST", "/api/orders", json=said, headers=key)).status == 409
    await rival.call("DELETE", f"/api/orders/{order['id']}")
    assert (await buyer.call("POST", "/api/orders", json=said, headers=key)).status == 201


async def test_a_retry_of_what_found_an_order_finds_it_again_even_when_it_has_ended(
    site: Site,
) -> None:
    buyer = site.program()
    ticket = await site.program().sells()
    order = await buyer.buys(ticket)
    said, key = {"ticketId": ticket["id"]}, {"Idempotency-Key": "again"}
    found = await buyer.call("POST", "/api/orders", json=said, headers=key)
    assert (found.status, found.body["id"]) == (200, order["id"])
    await buyer.call("DELETE", f"/api/orders/{order['id']}")
    retried = await buyer.call("POST", "/api/orders", json=said, headers=key)
    assert (retried.status, retried.body["id"]) == (200, order["id"])
    assert retried.body["status"] == "cancelled"
