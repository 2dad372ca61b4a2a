"""The sandbox as HTTP has it: keys, parameters, replays, lists, the script, its process."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.support.sandbox import TEST_KEY, held, transport_to
from ticketing.payments.outcomes import Authorised, Captured
from ticketing.payments.sandbox import LiveKeyError, running_sandbox

INTENTS = "/v1/payment_intents"
GOOD = {
    "amount": "2000",
    "currency": "usd",
    "capture_method": "manual",
    "confirm": "true",
    "payment_method_data[type]": "card",
    "payment_method_data[card][token]": "tok_visa",
    "metadata[order_id]": "o1",
}
# Generous: only a process that hangs reaches it.
PROCESS_SECONDS = 30.0


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
        {"operation": "refund", "kind": "delay"},
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


async def started(folder: Path, *more: str) -> tuple[asyncio.subprocess.Process, str]:
    """A sandbox as a process of its own, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ticketing.payments.sandbox",
        *("--folder", str(folder), *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), PROCESS_SECONDS)).decode()
    assert line.startswith("sandbox ready http://127.0.0.1:"), line
    return process, line.split()[-1]


async def ended(process: asyncio.subprocess.Process) -> int:
    await asyncio.wait_for(process.communicate(), PROCESS_SECONDS)
    assert process.returncode is not None
    return process.returncode


async def test_nothing_acknowledged_is_lost_when_it_is_killed(tmp_path: Path) -> None:
    process, base_url = await started(tmp_path)
    async with transport_to(base_url) as stripe:
        outcomes = await asyncio.gather(
            *(
                stripe.authorise(
                    order_id=f"o{n}",
                    attempt=1,
                    amount_minor=2000,
                    currency="usd",
                    token="tok_visa",
                )
                for n in range(20)
            )
        )
        first = outcomes[0]
        assert isinstance(first, Authorised)
        captured = await stripe.capture(intent_id=first.intent_id, amount_minor=2000)
    process.kill()
    await ended(process)

    process, base_url = await started(tmp_path)
    async with transport_to(base_url) as stripe:
        again = await stripe.authorise(
            order_id="o1", attempt=1, amount_minor=2000, currency="usd", token="tok_visa"
        )
        intents = {intent["metadata"]["order_id"]: intent for intent in await held(base_url)}
    process.send_signal(signal.SIGTERM)

    assert isinstance(captured, Captured)
    assert again == outcomes[1]
    assert len(intents) == 20
    assert (intents["o0"]["status"], intents["o0"]["amount_received"]) == ("succeeded", 2000)
    assert intents["o2"]["idempotency_key"] == "order:o2:a1:authorise"
    assert await ended(process) == 0


async def test_it_ends_with_the_process_it_was_given(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
    )
    process, _ = await started(tmp_path, "--parent-pid", str(parent.pid))

    parent.kill()
    await ended(parent)

    assert await ended(process) == 0


async def test_a_taken_folder_is_one_line_and_2(tmp_path: Path) -> None:
    async with running_sandbox(tmp_path):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ticketing.payments.sandbox",
            *("--folder", str(tmp_path)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, stderr = await asyncio.wait_for(process.communicate(), PROCESS_SECONDS)

    assert process.returncode == 2
    assert stderr.decode().startswith("sandbox: ")
    assert stderr.count(b"\n") == 1
