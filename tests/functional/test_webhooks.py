"""Webhooks: hints from the provider, and whatever else anybody posts there."""

import asyncio
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from tests.functional.conftest import SiteFactory
from tests.functional.problems import well_formed
from tests.functional.provider import (
    ASKS,
    answers_bank,
    deliver,
    event,
    intent_of,
    is_asked,
    signature,
)
from tests.functional.running_site import PASSWORD, Program, Site, bearer, call, signed_up
from tests.functional.test_three_d_secure import has_status
from tests.support import sandbox, server, wait

CAPTURABLE = {"kind": "payment_intent.amount_capturable_updated", "status": "requires_capture"}
SUCCEEDED = {"kind": "payment_intent.succeeded", "status": "succeeded"}
CREATED = {"kind": "payment_intent.created", "status": "requires_confirmation"}
ASKED = {"kind": "payment_intent.requires_action", "status": "requires_action"}


async def passed(buyer: Program) -> tuple[dict[str, Any], str]:
    """An order whose card holder has said yes to the bank, and its intent; nobody told us."""
    order, secret = await is_asked(buyer)
    await answers_bank(buyer.site, secret)
    return order, intent_of(secret)


async def hints(site: Site, order: dict[str, Any]) -> int:
    found = await site.gateway.reads.value(
        "select count(*) from inbox where kind = 'payment' and key = $1", order["id"]
    )
    return int(found)


async def counted(site: Site) -> dict[str, float]:
    text = (await site.call("GET", "/metrics")).body
    found = re.findall(r'stripe_webhooks_total\{outcome="(\w+)"\} ([0-9.]+)', text)
    return {outcome: float(number) for outcome, number in found}


@pytest.mark.parametrize("copies", [1, 30])
async def test_an_event_leads_to_a_look_and_copies_are_one(silent_site: Site, copies: int) -> None:
    site, buyer = silent_site, silent_site.program()
    order, intent = await passed(buyer)
    body = event(order, intent=intent, **CAPTURABLE)
    answers = await asyncio.gather(*(deliver(site, body) for _ in range(copies)))
    assert [(each.status, each.body) for each in answers] == [(200, {})] * copies
    await wait.until(has_status(buyer, order, "complete"), "the order is complete")
    shown = (await buyer.call("GET", f"/api/payments/{order['id']}")).body
    assert [line["what"] for line in shown["timeline"]].count("captured") == 1
    held = [each for each in await sandbox.held(site.sandbox) if each["id"] == intent]
    assert [each["status"] for each in held] == ["succeeded"]


async def test_the_order_of_events_does_not_matter(silent_site: Site) -> None:
    site, buyer = silent_site, silent_site.program()
    order, intent = await passed(buyer)
    for said in (SUCCEEDED, CAPTURABLE, ASKED, CREATED):
        assert (await deliver(site, event(order, intent=intent, **said))).status == 200
    await wait.until(has_status(buyer, order, "complete"), "the order is complete")


async def test_what_the_event_says_is_not_believed(silent_site: Site) -> None:
    site, buyer = silent_site, silent_site.program()
    order, secret = await is_asked(buyer)
    assert (await deliver(site, event(order, intent=intent_of(secret), **SUCCEEDED))).status == 200

    async def is_read() -> bool:
        return await hints(site, order) == 0

    await wait.until(is_read, "the hint is read")
    confirmed = await buyer.call("POST", f"/api/payments/{order['id']}/confirm")
    assert (confirmed.status, confirmed.body["status"]) == (202, "requires_action")


async def test_an_hour_late_it_is_refused_and_sent_again_it_is_not(silent_site: Site) -> None:
    site, buyer = silent_site, silent_site.program()
    order, intent = await passed(buyer)
    body = event(order, intent=intent)
    assert (await deliver(site, body, signature(site, body, late=3_600))).status == 400
    assert await hints(site, order) == 0
    assert (await deliver(site, body)).status == 200
    await wait.until(has_status(buyer, order, "complete"), "the order is complete")


@pytest.mark.parametrize(
    "body",
    [
        event({"id": str(uuid4())}, kind="customer.created"),
        event({"id": str(uuid4())}, kind="payment_intent.created", status="requires_confirmation"),
        event({"id": str(uuid4())}, status="requires_action"),
        event({"id": "of-another-program"}),
        event({"id": None}),
    ],
    ids=["unknown type", "created", "requires action", "no order of ours", "no order"],
)
async def test_what_is_of_no_interest_is_forgotten(silent_site: Site, body: bytes) -> None:
    before = await counted(silent_site)
    answer = await deliver(silent_site, body)
    assert (answer.status, answer.body) == (200, {})
    after = await counted(silent_site)
    assert {name: after[name] - before[name] for name in after} == {
        "told": 0,
        "ignored": 1,
        "refused": 0,
    }


@pytest.mark.parametrize("name", ["a\u0000b", "Nr. 7, März", "o" * 400])
async def test_an_order_of_another_program_is_not_ours(silent_site: Site, name: str) -> None:
    answer = await deliver(silent_site, event({"id": name}))
    assert (answer.status, answer.body) == (200, {})


async def test_an_order_that_there_is_not_is_nobodys(silent_site: Site) -> None:
    order = {"id": "01900000-0000-7000-8000-000000000000"}
    assert (await deliver(silent_site, event(order))).status == 200

    async def is_read() -> bool:
        return await hints(silent_site, order) == 0

    await wait.until(is_read, "the hint is read")
    rows = await silent_site.gateway.reads.rows("select 1 from payments where id = $1", order["id"])
    assert rows == []


Header = Callable[[Site, bytes], str]

FORGED: dict[str, Header] = {
    "another secret": lambda site, body: signature(site, body, secret="whsec_forged"),
    "none": lambda *_: "",
    "only v0": lambda site, body: signature(site, body).replace("v1=", "v0="),
    "stale": lambda site, body: signature(site, body, late=301 + 5),
    "of tomorrow": lambda site, body: signature(site, body, late=-86_400),
    "another body": lambda site, body: signature(site, body + b" "),
    "not ASCII": lambda site, body: signature(site, body)[:-3] + "\u00e9\u00e9\u00e9",
    "nonsense": lambda *_: "t=now,v1=" + "0" * 64,
    "no time": lambda site, body: signature(site, body).partition(",")[2],
    "very long": lambda *_: "t=1," * 1_000,
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_signature_that_is_not_good(silent_site: Site, name: str) -> None:
    site, order = silent_site, {"id": str(uuid4())}
    before, body = await counted(site), event(order)
    answer = await deliver(site, body, FORGED[name](site, body))
    assert (answer.status, answer.body["code"]) == (400, "invalid_webhook")
    assert well_formed(answer.body, 400)
    assert await hints(site, order) == 0
    assert (await counted(site))["refused"] == before["refused"] + 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'["event"]',
        b"{}",
        b"[" * 50_000,
        '{"object":"event","type":"ü"}'.encode("utf-16"),
        event({"id": "x"}, livemode=True),
        event({"id": "x"}, object="list"),
        event({"id": "x"}, data=None),
        event({"id": "x"}, data={"object": []}),
        event({"id": "x"}, created="yesterday"),
        event({"id": "x"}, type=5),
    ],
    ids=range(14),
)
async def test_a_body_that_is_no_event(silent_site: Site, body: bytes) -> None:
    answer = await deliver(silent_site, body)
    assert (answer.status, answer.body["code"]) == (400, "invalid_webhook")


@pytest.mark.parametrize("chunked", [False, True])
async def test_two_mebibytes_are_too_many(silent_site: Site, *, chunked: bool) -> None:
    async def pieces() -> Any:
        for _ in range(32):
            yield b" " * 65_536

    body = pieces() if chunked else io.BytesIO(b" " * 2 * 1024 * 1024)
    answer = await silent_site.call("POST", "/api/webhooks/stripe", data=body)
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")


async def test_while_a_secret_is_rolled_both_are_good(start_site: SiteFactory) -> None:
    site = await start_site(stripe_webhook_secrets=("whsec_new", "whsec_old"), webhooks=False)
    body = event({"id": str(uuid4())})
    for secret, status in (("whsec_new", 200), ("whsec_old", 200), ("whsec_gone", 400)):
        header = signature(site, body, secret=secret)
        assert (await deliver(site, body, header)).status == status


async def test_no_session_is_consulted_and_no_origin(silent_site: Site) -> None:
    site, body = silent_site, event({"id": str(uuid4())})
    for headers in (
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Authorization": "Bearer nonsense"},
        {"Cookie": "session=nonsense"},
    ):
        assert (await deliver(site, body, headers=headers)).status == 200
    async with await signed_up(site) as browser:
        answer = await browser.call("POST", "/api/webhooks/stripe", data=body)
        assert answer.status == 400


async def test_the_signature_stands_for_itself_while_the_database_is_away(
    start_site: SiteFactory,
) -> None:
    site = await start_site(webhooks=False)
    await site.system.store.close()
    body = event({"id": str(uuid4())})
    answer = await deliver(site, body)
    assert (answer.status, answer.body["code"]) == (503, "unavailable")
    assert (await deliver(site, body, "t=1,v1=" + "0" * 64)).status == 400


async def test_a_server_on_all_addresses_hears_from_the_sandbox_beside_it(
    data_dir: Path, tmp_path: Path
) -> None:
    settings = {"TICKETING_HOST": "0.0.0.0"}  # noqa: S104 - that is the case
    async with (
        server.running(data_dir, tmp_path / "log", settings) as running,
        aiohttp.ClientSession() as http,
    ):
        base = running.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104

        async def says(path: str, by: str = "", /, **said: Any) -> Any:
            headers = bearer(by) if by else {}
            method = "POST" if said else "GET"
            answer = await call(http, base, method, path, json=said or None, headers=headers)
            assert answer.status < 300, answer.body
            return answer.body

        people = []
        for name in ("sam", "kim"):
            who = {"email": f"{name}@example.com", "password": PASSWORD}
            await says("/api/users/signup", **who)
            people.append((await says("/api/users/token", **who))["accessToken"])
        sam, kim = people
        ticket = await says("/api/tickets", sam, title="Row 1", price=20)
        order = await says("/api/orders", kim, ticketId=ticket["id"])
        asked = await says("/api/payments", kim, orderId=order["id"], token=ASKS)
        sandbox_base = (await says("/api/config"))["stripeJs"].removesuffix("/v3.js")
        passes = {"client_secret": asked["clientSecret"], "outcome": "pass"}
        answer = await call(http, sandbox_base, "POST", "/_sandbox/authenticate", data=passes)
        assert answer.status == 200

        async def is_complete() -> bool:
            shown = await says(f"/api/orders/{order['id']}", kim)
            return bool(shown["status"] == "complete")

        await wait.until(is_complete, "the webhook completes the order")
    secret = (data_dir / "keys" / "webhook").read_text().strip()
    logged = (tmp_path / "log").read_text()
    assert "/api/webhooks/stripe" in logged
    for hidden in (secret, asked["clientSecret"], kim):
        assert hidden not in logged
