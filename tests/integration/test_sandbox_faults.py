"""Faults of the sandbox over HTTP: what the caller meets, and what was done all the same."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.support.sandbox import (
    CARD_FIELDS,
    INTENTS,
    PUBLISHABLE_KEY,
    HandClock,
    Wire,
    held,
    listening,
    paying,
    wire_to,
)
from tests.support.wait import until
from ticketing.payments.sandbox import running_sandbox

REFUNDS = "/v1/refunds"
LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)


@pytest_asyncio.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    async with running_sandbox(tmp_path) as base_url, wire_to(base_url) as made:
        yield made


@pytest.mark.parametrize("kind", ["drop_after", "truncate"])
async def test_a_refund_whose_answer_got_lost_is_made_once(wire: Wire, kind: str) -> None:
    intent = await wire.captured()
    fields = {"payment_intent": intent["id"]}
    await wire.control("faults", [{"operation": "refund", "kind": kind}])

    with pytest.raises(LOST):
        await wire.post(REFUNDS, fields, key="k")
    said = await wire.post(REFUNDS, fields, key="k")

    assert (said.status, said.replayed) == (200, True)
    listed = await wire.get(REFUNDS)
    assert [each["id"] for each in listed.body["data"]] == [said.body["id"]]


@pytest.mark.parametrize(("effect", "made"), [(False, 0), (True, 1)])
async def test_an_error_of_the_server_is_the_answer_for_a_day(
    wire: Wire, *, effect: bool, made: int
) -> None:
    intent = await wire.captured()
    fields = {"payment_intent": intent["id"]}
    fault = {"operation": "refund", "kind": "status", "status": 500, "effect": effect}
    await wire.control("faults", [fault])

    first = await wire.post(REFUNDS, fields, key="k")
    again = await wire.post(REFUNDS, fields, key="k")

    assert (first.status, again.status, again.replayed) == (500, 500, True)
    assert len((await wire.get(REFUNDS)).body["data"]) == made
    assert len(await wire.events()) == 3 + 2 * made


async def test_a_token_that_an_error_came_before_is_not_used_up(wire: Wire) -> None:
    fields = paying() | {"confirmation_token": await wire.token()}
    del fields["payment_method"]
    await wire.control("faults", [{"operation": "create", "kind": "status", "status": 500}])

    broken = await wire.post(INTENTS, fields, key="k1")
    paid = await wire.post(INTENTS, fields, key="k2")

    assert (broken.status, paid.status) == (500, 200)


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("events", "/v1/events"),
        ("list_refunds", "/v1/refunds"),
        ("retrieve_refund", "/v1/refunds/re_1"),
        ("retrieve_event", "/v1/events/evt_1"),
        ("retrieve_confirmation_token", "/v1/confirmation_tokens/ctoken_1"),
    ],
)
async def test_what_only_looks_can_fail_too(wire: Wire, operation: str, path: str) -> None:
    await wire.control("faults", [{"operation": operation, "kind": "status", "status": 429}])

    assert (await wire.get(path)).status == 429
    assert (await wire.get(path)).status in (200, 404)


async def test_what_a_browser_asks_for_can_fail_by_script(wire: Wire) -> None:
    intent = await wire.pay("pm_card_authenticationRequired")
    await wire.control(
        "faults",
        [
            {"operation": "confirmation_token", "kind": "status", "status": 429},
            {"operation": "authenticate", "order": "o1", "kind": "drop_after"},
        ],
    )

    refused = await wire.post("/v1/confirmation_tokens", CARD_FIELDS, bearer=PUBLISHABLE_KEY)
    with pytest.raises(LOST):
        await wire.authenticate(intent, "pass")

    assert refused.status == 429
    assert (await wire.get(f"{INTENTS}/{intent['id']}")).body["status"] == "requires_capture"


async def test_a_fault_for_one_order_leaves_the_others_alone(wire: Wire) -> None:
    drop = {"kind": "status", "status": 429, "order": "o2", "times": 9}
    names = ("create", "retrieve", "capture", "refund", "retrieve_refund")
    mine = await wire.captured()
    theirs = (await wire.post(INTENTS, paying() | {"metadata[order_id]": "o2"})).body
    refund = await wire.post(REFUNDS, {"payment_intent": mine["id"], "amount": "5"})
    await wire.control("faults", [drop | {"operation": name} for name in names])

    async def statuses(order: str, intent_id: str) -> list[int]:
        return [
            (await wire.post(INTENTS, paying() | {"metadata[order_id]": order})).status,
            (await wire.get(f"{INTENTS}/{intent_id}")).status,
            (await wire.post(f"{INTENTS}/{intent_id}/capture")).status,
            (await wire.post(REFUNDS, {"payment_intent": intent_id, "amount": "5"})).status,
        ]

    assert await statuses("o2", theirs["id"]) == [429] * 4
    assert await statuses("o1", mine["id"]) == [200, 200, 400, 200]
    assert (await wire.get(f"{REFUNDS}/{refund.body['id']}")).status == 200


@pytest.mark.parametrize("how", [{"seconds": 5.0}, {"until": 1893456005.0}])
async def test_an_answer_is_held_after_the_effect(tmp_path: Path, how: dict[str, float]) -> None:
    slept: list[float] = []

    class Watched(HandClock):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            await super().sleep(seconds)

    clock = Watched()
    async with running_sandbox(tmp_path, clock=clock) as base_url, wire_to(base_url) as wire:
        await wire.control("faults", [{"operation": "create", "kind": "hold", **how}])
        async with asyncio.TaskGroup() as tasks:
            slow = tasks.create_task(wire.post(INTENTS, paying(), key="k"))
            await until(lambda: slept, "the answer is held")
            # It is done, and who asks again learns of it at once.
            known = await held(base_url)
            again = await wire.post(INTENTS, paying(), key="k")
            assert not slow.done()
            clock.wake.set()
        first = slow.result()

    assert slept == [5.0]
    assert [each["status"] for each in known] == ["requires_capture"]
    assert (first.body, again.replayed) == (again.body, True)


async def test_an_answer_is_not_held_until_a_time_that_is_gone(tmp_path: Path) -> None:
    clock = HandClock()
    clock.advance(timedelta(days=1))
    clock.wake.set()
    async with running_sandbox(tmp_path, clock=clock) as base_url, wire_to(base_url) as wire:
        hold = {"operation": "create", "kind": "hold", "until": 1.0}
        await wire.control("faults", [hold])
        assert (await wire.post(INTENTS, paying())).status == 200


async def test_weather_comes_and_goes(wire: Wire) -> None:
    storm = {"seed": 7, "shares": {"429": 0.5, "500_effect": 0.5}}
    await wire.control("weather", storm)
    first = [(await wire.post(INTENTS, paying())).status for _ in range(20)]
    await wire.control("weather", storm)
    second = [(await wire.post(INTENTS, paying())).status for _ in range(20)]
    token = await wire.token()
    await wire.control("weather", {})
    calm = [(await wire.post(INTENTS, paying())).status for _ in range(20)]

    assert first == second
    assert set(first) == {429, 500}
    assert set(calm) == {200}
    assert token.startswith("ctoken_")


async def test_weather_is_checked(wire: Wire) -> None:
    assert (await wire.control("weather", {"shares": {"rain": 1}})).status == 400
    async with wire.session.post("/_sandbox/weather", data="{}") as answer:
        assert answer.status == 415


async def test_money_is_right_after_a_storm_of_everything(tmp_path: Path) -> None:
    """Whoever tries again with the same key ends with one intent, captured and refunded once."""
    shares = dict.fromkeys(("drop_before", "drop_after", "truncate", "409", "429", "502"), 0.08)
    shares |= {"502_effect": 0.08, "delay": 0.1}
    shares |= dict.fromkeys(("webhook_lose", "webhook_repeat", "webhook_reverse"), 0.1)

    async with listening() as endpoint:
        running = running_sandbox(tmp_path, webhooks=endpoint.webhooks)
        async with running as base_url, wire_to(base_url) as wire:
            await wire.control("weather", {"seed": 3, "shares": shares, "delay_seconds": 0.01})

            async def insist(path: str, fields: dict[str, str], key: str) -> str:
                while True:
                    try:
                        said = await wire.post(path, fields, key=key)
                    except (*LOST, aiohttp.ContentTypeError):
                        continue
                    if said.status == 200:
                        return str(said.body["id"])

            async def buy_and_return(number: int) -> None:
                intent_id = await insist(INTENTS, paying(), f"{number}:pay")
                await insist(f"{INTENTS}/{intent_id}/capture", {}, f"{number}:take")
                await insist(REFUNDS, {"payment_intent": intent_id}, f"{number}:give")

            await asyncio.gather(*(buy_and_return(number) for number in range(20)))
            intents = await held(base_url)

    assert len(intents) == 20
    assert {(each["status"], each["amount_refunded"]) for each in intents} == {("succeeded", 2000)}
    assert {len(each["refunds"]) for each in intents} == {1}
