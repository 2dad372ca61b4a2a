"""3-D Secure: the bank asks the card holder, who answers, or does not, or too late."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.functional.conftest import SiteFactory
from tests.functional.provider import ASKS, answers_bank, intent_of, is_asked
from tests.functional.running_site import Program, Site
from tests.support import sandbox, wait
from ticketing.payments import messages as payments


async def confirms(buyer: Program, order: dict[str, Any], **options: Any) -> Any:
    return await buyer.call("POST", f"/api/payments/{order['id']}/confirm", **options)


def has_status(buyer: Program, order: dict[str, Any], status: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        shown = await buyer.call("GET", f"/api/orders/{order['id']}")
        return bool(shown.body["status"] == status)

    return look


async def test_the_buyer_alone_is_given_the_secret(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    asked = await buyer.pays(order, ASKS)
    assert asked.status == 202
    secret = asked.body["clientSecret"]
    assert asked.body == {
        "id": order["id"],
        "orderId": order["id"],
        "status": "requires_action",
        "clientSecret": secret,
    }
    shown = await buyer.call("GET", f"/api/payments/{order['id']}")
    assert (shown.body["status"], shown.body["clientSecret"]) == ("requires_action", secret)
    for answer in (asked, shown):
        assert answer.headers["Cache-Control"] == "no-store"
    assert secret not in str(shown.body["timeline"])
    for path in (f"/api/payments/{order['id']}", f"/api/orders/{order['id']}"):
        assert (await site.program().call("GET", path)).status == 404
    assert (await buyer.call("GET", f"/api/orders/{order['id']}")).body["status"] != "complete"


async def test_the_secret_is_sealed_wherever_it_is_stored(site: Site) -> None:
    _, secret = await is_asked(site.program())
    for table in ("payments", "journal", "inbox", "answers"):
        rows = await site.gateway.reads.rows(
            f"select * from {table} t where t::text like $1",  # noqa: S608 - our own names
            f"%{secret.rpartition('_')[2]}%",
        )
        assert rows == [], table


async def test_who_passes_has_paid(site: Site) -> None:
    buyer = site.program()
    order, secret = await is_asked(buyer)
    await answers_bank(site, secret)
    confirmed = await confirms(buyer, order)
    assert confirmed.status == 201, confirmed.body
    assert confirmed.body == {"id": order["id"], "orderId": order["id"], "status": "captured"}
    shown = (await buyer.call("GET", f"/api/payments/{order['id']}")).body
    assert (shown["status"], shown["attemptsLeft"]) == ("captured", 5)
    assert "clientSecret" not in shown
    again = await confirms(buyer, order)
    assert (again.status, again.body) == (201, confirmed.body)


async def test_who_fails_is_declined_and_may_try_again(site: Site) -> None:
    buyer = site.program()
    order, secret = await is_asked(buyer)
    await answers_bank(site, secret, "fail")
    confirmed = await confirms(buyer, order)
    assert (confirmed.status, confirmed.body["code"]) == (402, "payment_declined")
    assert confirmed.body["attemptsLeft"] == 4
    assert confirmed.body["declineCode"]
    shown = (await buyer.call("GET", f"/api/payments/{order['id']}")).body
    assert shown["status"] == "declined"
    assert "clientSecret" not in shown
    assert (await confirms(buyer, order)).status == 402
    assert (await buyer.pays(order)).status == 201


async def test_who_comes_back_without_an_answer_is_asked_again(site: Site) -> None:
    buyer = site.program()
    order, secret = await is_asked(buyer)
    for _ in range(2):
        confirmed = await confirms(buyer, order)
        assert confirmed.status == 202, confirmed.body
        assert confirmed.body["status"] == "requires_action"
        assert confirmed.body["clientSecret"] == secret
    await answers_bank(site, secret)
    assert (await confirms(buyer, order)).status == 201


async def test_another_card_takes_its_place_and_nothing_is_counted(site: Site) -> None:
    buyer = site.program()
    order, secret = await is_asked(buyer)
    assert (await buyer.pays(order)).status == 201
    shown = (await buyer.call("GET", f"/api/payments/{order['id']}")).body
    assert (shown["status"], shown["attemptsLeft"]) == ("captured", 5)

    async def is_void() -> bool:
        held = {each["id"]: each["status"] for each in await sandbox.held(site.sandbox)}
        return bool(held[intent_of(secret)] == "canceled")

    await wait.until(is_void, "the first card's intent is void")


async def test_the_same_key_is_given_the_same_secret(site: Site) -> None:
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    key = {"Idempotency-Key": "asked"}
    first, again = [await buyer.pays(order, ASKS, headers=key) for _ in range(2)]
    assert (first.status, first.body) == (again.status, again.body)
    assert first.status == 202
    held = [each for each in await sandbox.held(site.sandbox) if order["id"] in str(each)]
    assert len(held) == 1


async def test_who_is_back_after_the_deadline_has_paid_nothing(start_site: SiteFactory) -> None:
    site = await start_site(reservation_seconds=0.8)
    buyer = site.program()
    order, secret = await is_asked(buyer)
    await wait.until(has_status(buyer, order, "cancelled"), "the order expires")
    confirmed = await confirms(buyer, order)
    assert (confirmed.status, confirmed.body["code"]) == (409, "order_expired")

    async def is_void() -> bool:
        held = {each["id"]: each["status"] for each in await sandbox.held(site.sandbox)}
        return bool(held[intent_of(secret)] == "canceled")

    await wait.until(is_void, "the intent is void")
    shown = (await buyer.call("GET", f"/api/payments/{order['id']}")).body
    assert "clientSecret" not in shown


async def test_a_browser_that_never_comes_back_has_bought_the_ticket_all_the_same(
    site: Site,
) -> None:
    buyer = site.program()
    order, secret = await is_asked(buyer)
    await answers_bank(site, secret)
    await wait.until(has_status(buyer, order, "complete"), "the webhook completes the order")


async def test_where_no_webhook_arrives_the_sweep_finds_it(silent_site: Site) -> None:
    site = silent_site
    buyer = site.program()
    order, secret = await is_asked(buyer)
    await answers_bank(site, secret)

    async def is_found() -> bool:
        # What has just happened is left to webhooks for a moment, so it takes more than one look.
        await site.gateway.runtime.tell(payments.reconciler(), payments.LookAround(), name="look")
        return await has_status(buyer, order, "complete")()

    await wait.until(is_found, "the sweep completes the order")


async def test_confirming_is_for_the_buyer_and_for_what_there_is(site: Site) -> None:
    order, _ = await is_asked(site.program())
    assert (await confirms(site.program(), order)).status == 404
    for bad in ("x", "01900000-0000-7000-8000-000000000000"):
        assert (await confirms(site.program(), {"id": bad})).status == 404


@pytest.mark.parametrize("body", [b"", b"{}", b"["])
async def test_what_is_said_with_it_does_not_matter(site: Site, body: bytes) -> None:
    buyer = site.program()
    order, _ = await is_asked(buyer)
    assert (await confirms(buyer, order, data=body)).status == 202
