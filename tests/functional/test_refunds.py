"""Refunds by an administrator, and the log of who did that and why."""

import asyncio
from typing import Any

import pytest

from tests.functional.problems import NO_ID, well_formed
from tests.functional.provider import deliver, event
from tests.functional.running_site import (
    PASSWORD,
    Answer,
    Browser,
    Program,
    Site,
    bearer,
    signed_up,
)
from tests.functional.test_three_d_secure import has_status
from tests.support import sandbox, wait
from ticketing import audit, auth
from ticketing.audit import AuditState, Entry, queries
from ticketing.auth import queries as auth_queries
from ticketing.values import ADMIN


async def sold(site: Site, **offer: Any) -> tuple[Program, dict[str, Any], dict[str, Any]]:
    """A buyer, their complete order, and its ticket."""
    buyer, ticket = site.program(), await site.program().sells(**offer)
    order = await buyer.buys(ticket)
    assert (await buyer.pays(order)).status == 201
    return buyer, order, ticket


async def refunds(admin: Program, order: dict[str, Any], **said: Any) -> Answer:
    path, options = f"/api/admin/orders/{order['id']}/refund", said.pop("options", {})
    return await admin.call("POST", path, json={"reason": "Ground flooded"} | said, **options)


def administrator(site: Site) -> Program:
    return site.program(roles=(ADMIN,))


async def entries(site: Site, order: dict[str, Any]) -> list[Entry]:
    """The log's entries about *order*, as soon as there are any."""

    async def look() -> list[Entry]:
        log = [queries.entry(dict(row)) for row in await site.gateway.reads.rows(queries.LOG)]
        return [entry for entry in log if entry.subject == f"order:{order['id']}"]

    return await wait.until(look, "it is in the log")


async def refunded(buyer: Program, order: dict[str, Any]) -> dict[str, Any]:
    """The payment, once the money is back."""
    found: dict[str, Any] = {}

    async def look() -> bool:
        found.update((await buyer.call("GET", f"/api/payments/{order['id']}")).body)
        return bool(found["status"] == "refunded")

    await wait.until(look, "the money is back")
    return found


async def test_the_money_goes_back_and_the_ticket_is_withdrawn(site: Site) -> None:
    buyer, order, ticket = await sold(site, delivery="Gate 4")
    mine = await buyer.call("GET", f"/api/orders/{order['id']}")
    assert (mine.body["status"], mine.body["delivery"]) == ("complete", "Gate 4")
    answer = await refunds(administrator(site), order)
    assert answer.status == 200, answer.body
    assert answer.body["id"] == answer.body["orderId"] == order["id"]
    assert "clientSecret" not in answer.body
    payment = await refunded(buyer, order)
    assert payment["timeline"][-1]["what"] == "refunded"
    mine = await buyer.call("GET", f"/api/orders/{order['id']}")
    assert (mine.body["status"], mine.body["cancelReason"]) == ("cancelled", "refunded")
    assert "delivery" not in mine.body

    async def is_withdrawn() -> bool:
        shown = (await site.call("GET", f"/api/tickets/{ticket['id']}")).body
        return bool((shown["status"], shown.get("withdrawReason")) == ("withdrawn", "refunded"))

    await wait.until(is_withdrawn, "the ticket is withdrawn")
    again = await buyer.pays(order)
    assert (again.status, again.body["code"]) == (409, "order_cancelled")


async def test_the_ticket_can_be_for_sale_again(site: Site) -> None:
    _, order, ticket = await sold(site)
    assert (await refunds(administrator(site), order, relist=True)).status == 200
    other = site.program()

    async def is_available() -> bool:
        shown = (await site.call("GET", f"/api/tickets/{ticket['id']}")).body
        return bool(shown["status"] == "available")

    await wait.until(is_available, "the ticket is available")
    assert (await other.pays(await other.buys(ticket))).status == 201


async def test_money_is_given_back_once(site: Site) -> None:
    buyer, order, _ = await sold(site)
    by, key = administrator(site), {"headers": {"Idempotency-Key": "refund"}}
    answers = await asyncio.gather(
        *(refunds(by, order) for _ in range(5)), *(refunds(by, order, options=key) for _ in "abc")
    )
    assert {answer.status for answer in answers} == {200}
    await refunded(buyer, order)
    assert (await refunds(by, order)).status == 200
    (held,) = [each for each in await sandbox.held(site.sandbox) if order["id"] in str(each)]
    assert held["amount_refunded"] == 2_000
    assert len(held["refunds"]) == 1
    assert len(await entries(site, order)) == 1


async def test_who_did_it_and_why_is_in_the_log(site: Site) -> None:
    _, order, _ = await sold(site)
    by = administrator(site)
    assert (await refunds(by, order, reason="  Ground flooded, \u53d6\u6d88 ")).status == 200
    (entry,) = await entries(site, order)
    assert (entry.by, entry.action) == (by.user_id, "order.refund")
    assert entry.reason == "Ground flooded, \u53d6\u6d88"
    log = [queries.entry(dict(row)) for row in await site.gateway.reads.rows(queries.LOG)]
    keeper = await site.gateway.reads.row("select * from audits")
    assert keeper is not None
    end = AuditState(id="log", count=keeper["count"], head=keeper["head"])
    assert list(audit.verify_chain(log, end)) == []


async def test_only_a_complete_order_has_money_to_give_back(site: Site) -> None:
    by, buyer = administrator(site), site.program()
    order = await buyer.buys(await site.program().sells())
    await buyer.pays(order, "tok_chargeDeclined")
    for_nothing = await refunds(by, order)
    assert (for_nothing.status, for_nothing.body["code"]) == (409, "order_not_complete")
    for bad in ("x", NO_ID):
        assert (await refunds(by, {"id": bad})).status == 404


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"reason": ""}, {"reason"}),
        ({"reason": "   "}, {"reason"}),
        ({"reason": "x" * 501}, {"reason"}),
        ({"reason": None}, {"reason"}),
        ({"reason": 5}, {"reason"}),
        ({"reason": "a\u0000b"}, {"reason"}),
        ({"reason": "a\nb"}, {"reason"}),
        ({"relist": "yes"}, {"relist"}),
        ({"relist": 1}, {"relist"}),
        ({"amount": 1, "by": "me"}, {"amount", "by"}),
    ],
)
async def test_there_is_a_reason_and_no_amount(
    site: Site, said: dict[str, Any], fields: set[str]
) -> None:
    answer = await refunds(administrator(site), {"id": NO_ID}, **said)
    assert (answer.status, answer.fields) == (400, fields)
    assert well_formed(answer.body, 400)
    bare = await administrator(site).call("POST", f"/api/admin/orders/{NO_ID}/refund", json={})
    assert (bare.status, bare.fields) == (400, {"reason"})


async def test_whoever_is_no_administrator_is_told_nothing_else(site: Site) -> None:
    for path in (f"/api/admin/orders/{NO_ID}/refund", "/api/admin/orders/x/refund"):
        assert (await site.call("POST", path, data=b"[")).status == 401
        answer = await site.program(roles=("seller",)).call("POST", path, data=b"[")
        assert (answer.status, answer.body["code"]) == (403, "forbidden")


async def promoted(site: Site, browser: Browser) -> str:
    """A token of *browser*'s account, which is an administrator's from now on."""
    await site.gateway.runtime.ask(auth.account(browser.email), auth.Grant(role=ADMIN))
    said = {"email": browser.email, "password": PASSWORD}
    token: str = (await site.call("POST", "/api/users/token", json=said)).body["accessToken"]
    return token


async def test_the_account_is_asked_whether_it_still_has_the_role(site: Site) -> None:
    async with await signed_up(site) as browser:
        account, path = auth.account(browser.email), f"/api/admin/orders/{NO_ID}/refund"

        async def status(token: str) -> int:
            said: Any = {"json": {"reason": "Rain"}, "headers": bearer(token)}
            return (await site.call("POST", path, **said)).status

        token = await promoted(site, browser)
        assert await status(token) == 404
        await site.gateway.runtime.ask(account, auth.Revoke(role=ADMIN))
        assert await status(token) == 401  # It ended with the role.
        state = await auth_queries.find(site.gateway.reads, browser.email)
        assert state is not None
        now = {"roles": [ADMIN], "sessionEpoch": state.session_epoch}
        assert await status(site.token(state.user_id, **now)) == 403
        token = await promoted(site, browser)
        assert await status(token) == 404
        await site.gateway.runtime.ask(account, auth.EndSessions())
        assert await status(token) == 401


async def test_an_administrators_page_is_our_own(site: Site) -> None:
    _, order, _ = await sold(site)
    async with await signed_up(site) as browser:
        await promoted(site, browser)
        said = {"email": browser.email, "password": PASSWORD}
        assert (await browser.call("POST", "/api/users/signin", json=said)).status == 200
        path = f"/api/admin/orders/{order['id']}/refund"
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        foreign = await browser.call("POST", path, json={"reason": "x"}, headers=elsewhere)
        assert (foreign.status, foreign.body["code"]) == (403, "foreign_origin")
        assert (await browser.call("POST", path, json={"reason": "Rain"})).status == 200


async def test_an_event_of_a_refund_that_nobody_asked_for_changes_nothing(site: Site) -> None:
    buyer, order, _ = await sold(site)
    (held,) = [each for each in await sandbox.held(site.sandbox) if order["id"] in str(each)]
    refund = {
        "id": "re_1",
        "object": "refund",
        "status": "succeeded",
        "payment_intent": held["id"],
        "metadata": {"order_id": order["id"]},
    }
    body = event(order, kind="refund.updated", data={"object": refund})
    assert (await deliver(site, body)).status == 200
    assert await has_status(buyer, order, "complete")()
