"""What a browser asks the sandbox for: confirmation tokens, an intent, the answer to 3-D Secure."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.sandbox import (
    CARD_FIELDS,
    INTENTS,
    PUBLISHABLE_KEY,
    HandClock,
    Wire,
    paying,
    wire_to,
)
from ticketing.payments.sandbox import running_sandbox

TOKENS = "/v1/confirmation_tokens"
NUMBER = "payment_method_data[card][number]"


@pytest_asyncio.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    async with running_sandbox(tmp_path) as base_url, wire_to(base_url) as made:
        yield made


def with_token(token: str) -> dict[str, str]:
    fields = paying() | {"confirmation_token": token, "return_url": "https://example.org/back"}
    del fields["payment_method"]
    return fields | {"use_stripe_sdk": "true"}


async def test_a_token_pays_once(wire: Wire) -> None:
    token = await wire.token("5555555555554444")
    before = await wire.get(f"{TOKENS}/{token}")

    paid = await wire.post(INTENTS, with_token(token), key="k1")
    again = await wire.post(INTENTS, with_token(token), key="k2")
    replayed = await wire.post(INTENTS, with_token(token), key="k1")

    assert before.body["payment_intent"] is None
    assert (paid.status, paid.body["status"]) == (200, "requires_capture")
    assert (again.status, again.error["param"]) == (400, "confirmation_token")
    assert (replayed.body, replayed.replayed) == (paid.body, True)
    after = (await wire.get(f"{TOKENS}/{token}")).body
    assert after["payment_intent"] == paid.body["id"]
    card = after["payment_method_preview"]["card"]
    assert (card["brand"], card["last4"], card["exp_year"]) == ("mastercard", "4444", 2034)


async def test_a_token_confirms_an_intent_that_is_there(wire: Wire) -> None:
    created = await wire.post(INTENTS, {"amount": "500", "currency": "eur"})
    token = await wire.token("4000000000000002")
    to = f"{INTENTS}/{created.body['id']}/confirm"

    declined = await wire.post(to, {"confirmation_token": token})
    again = await wire.post(to, {"confirmation_token": token})
    paid = await wire.post(to, {"confirmation_token": await wire.token()})

    assert (declined.status, declined.error["code"]) == (402, "card_declined")
    assert again.status == 400
    assert paid.body["status"] == "succeeded"


async def test_a_token_is_for_a_confirmation(wire: Wire) -> None:
    fields = with_token(await wire.token())
    said = await wire.post(INTENTS, fields | {"confirm": "false"})
    both = await wire.post(INTENTS, fields | {"payment_method": "pm_card_visa"})

    assert (said.status, said.error["param"]) == (400, "confirmation_token")
    assert (both.status, both.error["param"]) == (400, "confirmation_token")


async def test_a_token_expires(tmp_path: Path) -> None:
    clock = HandClock()
    async with running_sandbox(tmp_path, clock=clock) as base_url, wire_to(base_url) as wire:
        token, other = await wire.token(), await wire.token()
        clock.advance(timedelta(hours=11, minutes=59))
        assert (await wire.post(INTENTS, with_token(token))).status == 200
        clock.advance(timedelta(minutes=1))
        late = await wire.post(INTENTS, with_token(other))
        gone = await wire.get(f"{TOKENS}/{other}")

    assert (late.status, late.error["code"]) == (400, "resource_missing")
    assert (gone.status, gone.error["code"]) == (404, "resource_missing")


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        ("4242424242424241", 402, "incorrect_number"),
        ("4539578763621486", 402, "card_declined"),
        ("", 400, "parameter_missing"),
    ],
)
async def test_only_test_numbers_are_taken_and_none_is_kept(
    tmp_path: Path, wire: Wire, number: str, status: int, code: str
) -> None:
    said = await wire.post(TOKENS, CARD_FIELDS | {NUMBER: number}, key="k", bearer=PUBLISHABLE_KEY)
    good = await wire.post(TOKENS, CARD_FIELDS, key="k", bearer=PUBLISHABLE_KEY)

    assert (said.status, said.error["code"]) == (status, code)
    assert good.status == 200
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert good.body["id"] in kept
    assert "4242424242424242" not in kept.replace(" ", "")
    assert not number or number not in kept


async def test_a_token_made_again_under_its_key_is_the_same(wire: Wire) -> None:
    first = await wire.post(TOKENS, CARD_FIELDS, key="k", bearer=PUBLISHABLE_KEY)
    again = await wire.post(TOKENS, CARD_FIELDS, key="k", bearer=PUBLISHABLE_KEY)

    assert (again.body, again.replayed) == (first.body, True)


async def test_a_publishable_key_may_be_a_parameter(wire: Wire) -> None:
    said = await wire.post(TOKENS, CARD_FIELDS | {"key": PUBLISHABLE_KEY}, bearer=None)
    secret = await wire.post(TOKENS, CARD_FIELDS | {"key": "sk_test_1"}, bearer=None)

    assert (said.status, secret.status) == (200, 401)


async def test_a_browser_sees_its_own_intent_only(wire: Wire) -> None:
    intent, other = await wire.pay(), await wire.pay()
    to = f"{INTENTS}/{intent['id']}"
    secret = {"client_secret": intent["client_secret"]}

    seen = await wire.get(to, secret, bearer=PUBLISHABLE_KEY)
    by_parameter = await wire.get(to, secret | {"key": PUBLISHABLE_KEY}, bearer=None)
    wrong = await wire.get(to, {"client_secret": other["client_secret"]}, bearer=PUBLISHABLE_KEY)
    without = await wire.get(to, bearer=PUBLISHABLE_KEY)

    assert (seen.status, seen.body["status"]) == (200, "requires_capture")
    assert seen.headers["Access-Control-Allow-Origin"] == "*"
    assert by_parameter.body == seen.body
    assert "metadata" not in seen.body
    assert (wrong.status, without.status) == (404, 400)
    assert intent["client_secret"] not in str(wrong.body)


async def test_a_page_cannot_read_what_a_secret_key_gets(wire: Wire) -> None:
    intent = await wire.pay()

    seen = await wire.get(f"{INTENTS}/{intent['id']}")

    assert "Access-Control-Allow-Origin" not in seen.headers


async def test_a_page_may_ask_with_its_key_in_the_header(wire: Wire) -> None:
    async with wire.session.options(TOKENS) as answer:
        assert answer.status == 204
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    async with wire.session.options(f"{INTENTS}/pi_1/capture") as answer:
        assert answer.status == 404


async def test_a_publishable_key_opens_nothing_else(wire: Wire) -> None:
    intent = await wire.pay()
    said = [
        await wire.post(INTENTS, paying(), bearer=PUBLISHABLE_KEY),
        await wire.post(f"{INTENTS}/{intent['id']}/capture", bearer=PUBLISHABLE_KEY),
        await wire.post("/v1/refunds", {"payment_intent": "pi"}, bearer=PUBLISHABLE_KEY),
        await wire.get(INTENTS, bearer=PUBLISHABLE_KEY),
        await wire.get("/v1/events", bearer=PUBLISHABLE_KEY),
        await wire.get("/v1/refunds", bearer=PUBLISHABLE_KEY),
        await wire.get(f"{TOKENS}/{await wire.token()}", bearer=PUBLISHABLE_KEY),
    ]

    assert {(each.status, each.error["code"]) for each in said} == {(401, "secret_key_required")}


async def test_the_card_holder_passes(wire: Wire) -> None:
    intent = await wire.pay("pm_card_authenticationRequired")
    assert intent["status"] == "requires_action"
    assert intent["next_action"]["type"] == "use_stripe_sdk"

    said = await wire.authenticate(intent, "pass")

    assert (said.status, said.body["status"]) == (200, "requires_capture")
    assert said.body["next_action"] is None
    again = await wire.authenticate(intent, "fail")
    assert (again.status, again.error["code"]) == (400, "payment_intent_unexpected_state")


async def test_the_card_holder_fails(wire: Wire) -> None:
    intent = await wire.pay("pm_card_threeDSecure2Required")

    said = await wire.authenticate(intent, "fail")

    error = said.body["last_payment_error"]
    assert (said.status, said.body["status"]) == (200, "requires_payment_method")
    assert error["code"] == "payment_intent_authentication_failure"
    assert error["type"] == "invalid_request_error"


async def test_the_bank_says_no_after_the_card_holder_passed(wire: Wire) -> None:
    method = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
    intent = await wire.pay(method)

    said = await wire.authenticate(intent, "pass")

    assert said.body["status"] == "requires_payment_method"
    assert said.body["last_payment_error"]["decline_code"] == "insufficient_funds"


async def test_who_is_late_for_3d_secure_authenticates_nothing(wire: Wire) -> None:
    intent = await wire.pay("pm_card_authenticationRequired")
    await wire.post(f"{INTENTS}/{intent['id']}/cancel")

    said = await wire.authenticate(intent, "pass")

    assert (said.status, said.error["code"]) == (400, "payment_intent_unexpected_state")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"client_secret": "pi_nobodys_secret_x"}, 404),
        ({"client_secret": ""}, 400),
        ({"outcome": "maybe"}, 400),
        ({"outcome": ""}, 400),
    ],
)
async def test_only_who_knows_the_secret_answers_for_the_card_holder(
    wire: Wire, changes: dict[str, str], status: int
) -> None:
    intent = await wire.pay("pm_card_authenticationRequired")
    right = {"client_secret": intent["client_secret"], "outcome": "pass"}
    guessed = {"client_secret": f"{intent['id']}_secret_guessed", "outcome": "pass"}

    assert (await wire.post("/_sandbox/authenticate", right | changes)).status == status
    assert (await wire.post("/_sandbox/authenticate", guessed)).status == 404
    assert (await wire.post("/_sandbox/authenticate", right)).status == 200
