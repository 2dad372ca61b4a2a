"""The sandbox as HTTP has it: keys, parameters, replays, lists, the script."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.support.sandbox import INTENTS, TEST_KEY, held
from ticketing.payments.sandbox import LiveKeyError, running_sandbox

GOOD = {
    "amount": "2000",
    "currency": "usd",
    "capture_method": "manual",
    "confirm": "true",
    "payment_method_data[type]": "card",
    "payment_method_data[card][token]": "tok_visa",
    "metadata[order_id]": "o1",
}


@pytest_asyncio.fixture
async def session(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {TEST_KEY}"}
    async with (
        running_sandbox(tmp_path) as base_url,
        aiohttp.ClientSession(base_url, headers=headers) as made,
    ):
        yield made


async def post(
    session: aiohttp.ClientSession, data: dict[str, str], *, key: str | None = None, to: str = ""
) -> tuple[int, dict[str, object], bool]:
    """Status, body, and whether it was a replay."""
    headers = {} if key is None else {"Idempotency-Key": key}
    async with session.post(INTENTS + to, data=data, headers=headers) as answer:
        return answer.status, await answer.json(), "Idempotent-Replayed" in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TEST_KEY}"},
        {"Authorization": aiohttp.encode_basic_auth(TEST_KEY, "")},
    ],
)
async def test_a_test_key_opens(tmp_path: Path, headers: dict[str, str]) -> None:
    async with (
        running_sandbox(tmp_path) as base_url,
        aiohttp.ClientSession(base_url, headers=headers) as session,
    ):
        assert (await post(session, GOOD))[0] == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer pk_test_1", "Bearer sk_live_1", "Basic ?", "Digest a"]
)
async def test_anything_else_does_not(tmp_path: Path, authorization: str) -> None:
    headers = {"Authorization": authorization}
    async with (
        running_sandbox(tmp_path) as base_url,
        aiohttp.ClientSession(base_url, headers=headers) as session,
    ):
        status, body, _ = await post(session, GOOD)
        assert status == 401
        assert "sk_live_1" not in str(body)
        async with session.get(INTENTS) as answer:
            assert answer.status == 401
        assert await held(base_url) == []


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": ""}, "parameter_missing", "amount"),
        ({"amount": "19.99"}, "parameter_invalid_integer", "amount"),
        ({"amount": "-1"}, "parameter_invalid_integer", "amount"),
        ({"amount": "49"}, "amount_too_small", "amount"),
        ({"currency": ""}, "parameter_missing", "currency"),
        ({"currency": "xxx"}, None, "currency"),
        ({"amuont": "1"}, "parameter_unknown", "amuont"),
        ({"confirm": "yes"}, None, "confirm"),
        ({"capture_method": "later"}, None, "capture_method"),
        (
            {"payment_method_data[card][token]": "tok_x"},
            "resource_missing",
            "payment_method_data[card][token]",
        ),
        ({"payment_method": "pm_card_visa"}, None, "payment_method"),
        ({"metadata[" + "k" * 41 + "]": "v"}, None, "metadata[" + "k" * 41 + "]"),
    ],
)
async def test_parameters_are_refused_and_the_refusal_is_not_kept(
    session: aiohttp.ClientSession, changes: dict[str, str], code: str | None, param: str
) -> None:
    status, body, _ = await post(session, GOOD | changes, key="k")

    error = body["error"]
    assert isinstance(error, dict)
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error.get("param")) == (code, param)
    assert (await post(session, GOOD, key="k"))[0] == 200


async def test_the_first_answer_is_replayed(session: aiohttp.ClientSession) -> None:
    declined = GOOD | {"payment_method_data[card][token]": "tok_chargeDeclined"}
    first = await post(session, GOOD, key="good")
    first_no = await post(session, declined, key="bad")

    assert await post(session, GOOD, key="good") == (200, first[1], True)
    assert await post(session, declined, key="bad") == (402, first_no[1], True)
    assert first[2] is first_no[2] is False
    assert (await post(session, declined, key="good"))[0] == 400


async def test_an_intent_goes_its_way_step_by_step(session: aiohttp.ClientSession) -> None:
    status, intent, _ = await post(session, {"amount": "500", "currency": "EUR"})
    to = f"/{intent['id']}"
    assert (status, intent["status"], intent["currency"]) == (
        200,
        "requires_payment_method",
        "eur",
    )

    declined = {"payment_method": "pm_card_visa_chargeDeclined"}
    status, body, _ = await post(session, declined, to=to + "/confirm")
    error = body["error"]
    assert isinstance(error, dict)
    assert (status, error["code"]) == (402, "card_declined")
    assert error["payment_intent"]["last_payment_error"]["decline_code"] == "generic_decline"

    paid = await post(session, {"payment_method": "pm_card_mastercard"}, to=to + "/confirm")
    assert (paid[1]["status"], paid[1]["amount_received"]) == ("succeeded", 500)
    assert paid[1]["last_payment_error"] is None

    status, body, _ = await post(session, {}, to=to + "/cancel")
    error = body["error"]
    assert isinstance(error, dict)
    assert (status, error["code"]) == (400, "payment_intent_unexpected_state")
    assert error["payment_intent"]["status"] == "succeeded"


async def test_canceling_after_a_decline_is_no_decline(session: aiohttp.ClientSession) -> None:
    declined = GOOD | {"payment_method_data[card][token]": "tok_chargeDeclined"}
    _, body, _ = await post(session, declined)
    error = body["error"]
    assert isinstance(error, dict)

    status, intent, _ = await post(session, {}, to=f"/{error['payment_intent']['id']}/cancel")

    assert (status, intent["status"]) == (200, "canceled")


async def test_two_captures_at_once_are_one(session: aiohttp.ClientSession) -> None:
    _, intent, _ = await post(session, GOOD)
    to = f"/{intent['id']}/capture"

    answers = await asyncio.gather(*(post(session, {}, key=str(n), to=to) for n in range(10)))

    assert sorted(status for status, _, _ in answers) == [200, *[400] * 9]


async def test_what_does_not_exist(session: aiohttp.ClientSession) -> None:
    status, body, _ = await post(session, {}, to="/pi_nobodys/capture")
    error = body["error"]
    assert isinstance(error, dict)
    assert (status, error["code"], error["param"]) == (404, "resource_missing", "intent")
    async with session.get("/v1/customers") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["type"] == "invalid_request_error"


async def test_pages_of_intents(session: aiohttp.ClientSession) -> None:
    made = [str((await post(session, GOOD))[1]["id"]) for _ in range(3)]

    async with session.get(INTENTS, params={"limit": "2"}) as answer:
        first = await answer.json()
    async with session.get(INTENTS, params={"limit": "2", "starting_after": made[1]}) as answer:
        second = await answer.json()
    async with session.get(INTENTS, params={"created[gte]": "99999999999"}) as answer:
        none = await answer.json()
    async with session.get(INTENTS, params={"limit": "101"}) as answer:
        assert answer.status == 400

    assert ([i["id"] for i in first["data"]], first["has_more"]) == (made[:0:-1], True)
    assert ([i["id"] for i in second["data"]], second["has_more"]) == (made[:1], False)
    assert none["data"] == []


@pytest.mark.parametrize(
    "fault",
    [
        {"operation": "dispute", "kind": "delay"},
        {"operation": "refund", "kind": "lose"},
        {"operation": "any", "kind": "reverse"},
        {"operation": "webhook", "kind": "drop_after"},
        {"operation": "webhook", "kind": "repeat", "copies": 0},
        {"operation": "create", "kind": "delay", "until": 1.0},
        {"operation": "create", "kind": "explode"},
        {"operation": "create", "kind": "status", "status": 418},
        {"operation": "create", "kind": "status", "status": 429, "effect": True},
        {"operation": "create", "kind": "delay", "nth": 0},
        {"operation": "create", "kind": "delay", "second": 1},
    ],
)
async def test_a_script_is_checked(
    session: aiohttp.ClientSession, fault: dict[str, object]
) -> None:
    async with session.post("/_sandbox/faults", json=[fault]) as answer:
        assert answer.status == 400


async def test_a_page_in_a_browser_cannot_set_the_script(session: aiohttp.ClientSession) -> None:
    async with session.post("/_sandbox/faults", data="[]") as answer:
        assert answer.status == 415


@pytest.mark.parametrize("name", ["STRIPE_KEY", "STRIPE_PUBLISHABLE_KEY"])
async def test_it_does_not_start_with_a_live_key_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "sk_live_secret")

    with pytest.raises(LiveKeyError, match=f"^{name}: expected a test key or none"):
        async with running_sandbox(tmp_path):
            pass
