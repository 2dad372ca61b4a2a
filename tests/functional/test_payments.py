"""Paying: what is answered for each outcome."""

import asyncio

from tests.functional.conftest import SiteFactory
from tests.functional.running_site import Site
from tests.support import sandbox, wait


async def test_a_payment_is_taken_once_and_shown(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells(price="19.99"))
    paid = await buyer.pays(order)
    assert (paid.status, paid.body) == (
        201,
        {"id": order["id"], "orderId": order["id"], "status": "captured"},
    )
    again = await buyer.pays(order)
    assert (again.status, again.body["code"]) == (409, "order_complete")
    shown = (await buyer.call("GET", f"/api/payments/{order['id']}")).body
    assert shown["status"] == "captured"
    assert (shown["amount"], shown["currency"]) == (19.99, "usd")
    assert shown["timeline"][0]["what"] == "started"
    assert shown["timeline"][-1]["what"] == "captured"
    assert "declineCode" not in shown


async def test_a_decline_is_not_the_end(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    declined = await buyer.pays(order, "tok_chargeDeclined")
    assert (declined.status, declined.body["code"]) == (402, "payment_declined")
    assert declined.body["declineCode"]
    assert declined.body["attemptsLeft"] == 4
    shown = (await buyer.call("GET", f"/api/payments/{order['id']}")).body
    assert (shown["status"], shown["attemptsLeft"]) == ("declined", 4)
    assert shown["declineCode"] == declined.body["declineCode"]
    assert (await buyer.call("GET", f"/api/orders/{order['id']}")).body["status"] == "created"
    assert (await buyer.pays(order)).status == 201


async def test_the_last_decline_cancels_the_order(start_site: SiteFactory) -> None:
    site = await start_site(payment_attempts=1)
    buyer = site.program()
    ticket = await site.program().sells()
    order = await buyer.buys(ticket)
    declined = await buyer.pays(order, "tok_chargeDeclined")
    assert (declined.status, declined.body["attemptsLeft"]) == (402, 0)
    shown = (await buyer.call("GET", f"/api/orders/{order['id']}")).body
    assert (shown["status"], shown["cancelReason"]) == ("cancelled", "payment_failed")
    assert (await site.call("GET", f"/api/tickets/{ticket['id']}")).body["status"] == "available"
    late = await buyer.pays(order)
    assert (late.status, late.body["code"]) == (409, "order_cancelled")


async def test_a_cancelled_order_is_not_paid(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    await buyer.call("DELETE", f"/api/orders/{order['id']}")
    paid = await buyer.pays(order)
    assert (paid.status, paid.body["code"]) == (409, "order_cancelled")


async def test_two_cards_at_once_are_one_payment(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    answers = await asyncio.gather(*(buyer.pays(order) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 4
    codes = {answer.body["code"] for answer in answers if answer.status == 409}
    assert codes <= {"payment_in_progress", "order_complete"}


async def test_the_same_key_pays_once_and_answers_alike(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    key = {"Idempotency-Key": "k1"}
    first = await buyer.pays(order, headers=key)
    again = await buyer.pays(order, headers=key)
    assert (first.status, first.body) == (again.status, again.body)
    assert first.status == 201
    held = [each for each in await sandbox.held(site.sandbox) if order["id"] in str(each)]
    assert len(held) == 1


async def test_the_same_key_answers_for_its_own_attempt(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    key = {"Idempotency-Key": "declined"}
    first = await buyer.pays(order, "tok_chargeDeclined", headers=key)
    assert (await buyer.pays(order)).status == 201
    again = await buyer.pays(order, "tok_chargeDeclined", headers=key)
    assert (first.status, again.status) == (402, 402)
    other = await buyer.pays(order, "tok_visa", headers=key)
    assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")


async def test_copies_of_a_payment_meet_in_one_attempt(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    key = {"Idempotency-Key": "copies"}
    answers = await asyncio.gather(*(buyer.pays(order, headers=key) for _ in range(5)))
    assert [answer.status for answer in answers] == [201] * 5


async def test_a_provider_that_is_gone_has_not_been_sent_anything(
    start_site: SiteFactory,
) -> None:
    site = await start_site(stripe_base="http://127.0.0.1:9")
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    paid = await buyer.pays(order)
    assert (paid.status, paid.body["code"]) == (503, "provider_unavailable"), paid.body
    assert int(paid.headers["Retry-After"]) >= 1
    shown = (await buyer.call("GET", f"/api/orders/{order['id']}")).body
    assert shown["status"] == "created"
    payment = (await buyer.call("GET", f"/api/payments/{order['id']}")).body
    assert (payment["status"], payment["attemptsLeft"]) == ("declined", 5)


async def test_a_cancel_while_paying_is_void_or_refused(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    path = f"/api/orders/{order['id']}"
    paid, cancelled = await asyncio.gather(buyer.pays(order), buyer.call("DELETE", path))

    async def end() -> str | None:
        status: str = (await buyer.call("GET", path)).body["status"]
        return status if status in {"complete", "cancelled"} else None

    if await wait.until(end, "the order ends") == "complete":
        assert (paid.status, cancelled.status) == (201, 409)
    else:
        assert (paid.status, cancelled.status) == (409, 204)
        assert paid.body["code"] == "order_cancelled"
