"""Refunds and events of the sandbox, as HTTP has them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.sandbox import INTENTS, HandClock, Wire, held, wire_to
from tests.support.wait import until
from ticketing.payments.sandbox import running_sandbox

REFUNDS = "/v1/refunds"


@pytest_asyncio.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    async with running_sandbox(tmp_path) as base_url, wire_to(base_url) as made:
        yield made


async def test_a_refund_and_its_key(wire: Wire) -> None:
    intent = await wire.captured()
    fields = {
        "payment_intent": intent["id"],
        "reason": "requested_by_customer",
        "metadata[order_id]": "o1",
    }

    first = await wire.post(REFUNDS, fields, key="k")
    replayed = await wire.post(REFUNDS, fields, key="k")
    other = await wire.post(REFUNDS, fields | {"amount": "1"}, key="k")
    second = await wire.post(REFUNDS, fields, key="k2")
    second_replayed = await wire.post(REFUNDS, fields, key="k2")

    assert (first.status, first.body["amount"], first.body["status"]) == (200, 2000, "succeeded")
    assert (first.body["reason"], first.body["metadata"]) == (
        "requested_by_customer",
        {"order_id": "o1"},
    )
    assert (replayed.body, replayed.replayed) == (first.body, True)
    assert (other.status, other.error["type"]) == (400, "idempotency_error")
    # Execution had begun, so that the refusal is the answer for a day.
    assert (second.status, second.error["code"]) == (400, "charge_already_refunded")
    assert (second_replayed.body, second_replayed.replayed) == (second.body, True)
    assert (await wire.get(f"{REFUNDS}/{first.body['id']}")).body == first.body


async def test_refunds_at_once_are_never_more_than_was_captured(wire: Wire) -> None:
    intent = await wire.captured()
    fields = {"payment_intent": intent["id"], "amount": "700"}

    said = await asyncio.gather(*(wire.post(REFUNDS, fields, key=str(n)) for n in range(10)))

    assert sorted(each.status for each in said) == [200, 200, *[400] * 8]
    listed = await wire.get(REFUNDS, {"payment_intent": intent["id"]})
    assert [each["amount"] for each in listed.body["data"]] == [700, 700]


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"payment_intent": ""}, "parameter_missing", None),
        ({"payment_intent": "pi_nobodys"}, "resource_missing", "payment_intent"),
        ({"amount": "0"}, "parameter_invalid_integer", "amount"),
        ({"amount": "2001"}, "amount_too_large", "amount"),
        ({"reason": "because"}, None, "reason"),
        ({"amuont": "1"}, "parameter_unknown", "amuont"),
        ({"charge": "ch_1"}, None, "charge"),
    ],
)
async def test_what_cannot_be_refunded(
    wire: Wire, changes: dict[str, str], code: str | None, param: str | None
) -> None:
    intent = await wire.captured()

    said = await wire.post(REFUNDS, {"payment_intent": intent["id"]} | changes)

    assert (said.status, said.error.get("code"), said.error.get("param")) == (400, code, param)


async def test_an_authorisation_cannot_be_refunded(wire: Wire) -> None:
    intent = await wire.pay()

    said = await wire.post(REFUNDS, {"payment_intent": intent["id"]})

    assert (said.status, said.error["param"]) == (400, "payment_intent")
    missing = await wire.get(f"{REFUNDS}/re_nobodys")
    assert (missing.status, missing.error["code"]) == (404, "resource_missing")


@pytest.mark.parametrize(
    ("method", "statuses", "left", "told"),
    [
        ("pm_card_pendingRefund", ("pending", "succeeded"), 2000, ["refund.updated"]),
        ("pm_card_refundFail", ("succeeded", "failed"), 0, ["refund.updated", "refund.failed"]),
    ],
)
async def test_what_a_bank_does_later_it_does_after_a_restart_too(
    tmp_path: Path, method: str, statuses: tuple[str, str], left: int, told: list[str]
) -> None:
    at_once, in_the_end = statuses
    clock = HandClock()
    async with running_sandbox(tmp_path, clock=clock) as base_url, wire_to(base_url) as wire:
        intent = await wire.captured(method)
        refund = await wire.post(REFUNDS, {"payment_intent": intent["id"]})
        assert refund.body["status"] == at_once
    clock.wake.set()
    async with running_sandbox(tmp_path, clock=clock) as base_url, wire_to(base_url) as wire:

        async def settled() -> bool:
            now = await wire.get(f"{REFUNDS}/{refund.body['id']}")
            return bool(now.body["status"] == in_the_end)

        await until(settled, f"the refund is {in_the_end}")
        events = await wire.events()
        (known,) = await held(base_url)

    types = [event["type"] for event in events]
    assert types[-2 - len(told) :] == ["refund.created", "charge.refunded", *told]
    assert events[-1]["data"]["object"]["status"] == in_the_end
    assert events[-1]["request"] == {"id": None, "idempotency_key": None}
    assert known["amount_refunded"] == left
    assert [each["status"] for each in known["refunds"]] == [in_the_end]


async def test_events_tell_the_whole_story(wire: Wire) -> None:
    intent = await wire.pay("pm_card_authenticationRequired")
    await wire.authenticate(intent, "pass")
    await wire.post(f"{INTENTS}/{intent['id']}/capture", key="capture-1")
    await wire.post(REFUNDS, {"payment_intent": intent["id"]})
    await wire.pay("pm_card_visa_chargeDeclined")
    other = await wire.pay()
    await wire.post(f"{INTENTS}/{other['id']}/cancel")

    events = await wire.events()

    assert [(event["type"], event["data"]["object"].get("status")) for event in events] == [
        ("payment_intent.created", "requires_payment_method"),
        ("payment_intent.requires_action", "requires_action"),
        ("payment_intent.amount_capturable_updated", "requires_capture"),
        ("payment_intent.succeeded", "succeeded"),
        ("refund.created", "succeeded"),
        ("charge.refunded", "succeeded"),
        ("payment_intent.created", "requires_payment_method"),
        ("payment_intent.payment_failed", "requires_payment_method"),
        ("payment_intent.created", "requires_payment_method"),
        ("payment_intent.amount_capturable_updated", "requires_capture"),
        ("payment_intent.canceled", "canceled"),
    ]
    assert events[3]["request"]["idempotency_key"] == "capture-1"
    assert (await wire.get(f"/v1/events/{events[3]['id']}")).body == events[3]


async def test_a_replay_and_a_refusal_are_no_events(wire: Wire) -> None:
    intent = await wire.pay()
    for _ in range(2):
        await wire.post(f"{INTENTS}/{intent['id']}/capture", key="k")
    await wire.post(f"{INTENTS}/{intent['id']}/capture", key="k2")

    types = [event["type"] for event in await wire.events()]

    assert types.count("payment_intent.succeeded") == 1
    assert len(types) == 3


async def test_pages_of_events(wire: Wire) -> None:
    for _ in range(3):
        await wire.captured()
    newest_first = [event["id"] for event in reversed(await wire.events())]
    assert len(newest_first) == 9

    async def ids(**params: str) -> tuple[list[str], bool]:
        said = await wire.get("/v1/events", params)
        assert said.status == 200, said
        return [event["id"] for event in said.body["data"]], said.body["has_more"]

    after = await ids(limit="4", starting_after=newest_first[3])
    before = await ids(limit="2", ending_before=newest_first[5])
    last = await ids(limit="4", starting_after=newest_first[4])
    first = await ids(limit="10", ending_before=newest_first[1])
    none = await ids(**{"created[gte]": "99999999999"})
    some = await wire.events(**{"types[0]": "payment_intent.succeeded", "types[1]": "no.such"})
    group = await wire.events(type="payment_intent.*")

    assert after == (newest_first[4:8], True)
    assert before == (newest_first[3:5], True)
    assert last == (newest_first[5:], False)
    assert first == (newest_first[:1], False)
    assert none == ([], False)
    assert [event["type"] for event in some] == ["payment_intent.succeeded"] * 3
    assert len(group) == 9
    for wrong in (
        {"starting_after": "evt_nobodys"},
        {"limit": "101"},
        {"type": "a", "types[0]": "b"},
        {"starting_after": newest_first[0], "ending_before": newest_first[1]},
    ):
        assert (await wire.get("/v1/events", wrong)).status == 400, wrong
