"""How money goes when a bank asks, a card holder is slow, or somebody wants it back."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import jwt

from tests.crash.people import Person
from tests.crash.scenarios import SILENCE, Fault, Scenario
from tests.crash.world import Answer
from tests.support.sandbox import ASKS
from tests.support.wait import until
from ticketing.values import ADMIN

__all__ = ["SCENARIOS"]


# So that a token of an administrator can be made by hand.
KEY: Final = "of-the-crash-tests-and-long-enough-for-it"

# A purchase has these events: created, requires_action, amount_capturable_updated, succeeded. Only
# the third is news: it says that the card holder has passed.
ONLY_THE_NEWS: Final[tuple[Fault, ...]] = (
    {**SILENCE, "times": 2},
    {**SILENCE, "nth": 4},
)

# Long enough for an intent to be canceled meanwhile; a capture that is cut off by a death has had
# no effect.
CAPTURED_LATE: Final[Fault] = {"operation": "capture", "kind": "delay", "seconds": 1.0}


async def bank_and_back(seller: Person, buyer: Person) -> None:
    order = await asked(seller, buyer, "Bank and back")
    await answers_bank(buyer, order, "pass")
    paid = await buyer.confirms(order)
    assert (paid.status, paid.body["status"]) == (201, "captured"), paid
    await buyer.waits_for(f"/api/orders/{order['id']}", status="complete")


async def bank_and_webhook(seller: Person, buyer: Person) -> None:
    order = await asked(seller, buyer, "Bank and webhook")
    await answers_bank(buyer, order, "pass")
    await buyer.waits_for(f"/api/orders/{order['id']}", status="complete")
    await seller.waits_for(f"/api/tickets/{order['ticket']['id']}", status="sold")


async def bank_refuses(seller: Person, buyer: Person) -> None:
    order = await asked(seller, buyer, "Bank refuses")
    await answers_bank(buyer, order, "fail")
    declined = await buyer.confirms(order)
    assert (declined.status, declined.body["attemptsLeft"]) == (402, 4), declined
    paid = await buyer.pays(order, "tok_visa")
    assert paid.status == 201, paid
    await buyer.waits_for(f"/api/orders/{order['id']}", status="complete")


async def another_card(seller: Person, buyer: Person) -> None:
    order = await asked(seller, buyer, "Another card")
    paid = await buyer.pays(order, "tok_visa")
    assert (paid.status, paid.body["status"]) == (201, "captured"), paid
    payment = await buyer.sees(f"/api/payments/{order['id']}")
    assert payment["attemptsLeft"] == 5
    await until(lambda: statuses(buyer, order) == ["canceled", "succeeded"], "the first is void")


async def bank_unanswered(seller: Person, buyer: Person) -> None:
    ticket = await seller.lists("Bank unanswered")
    ordered = await buyer.orders(ticket)
    assert ordered.status == 201, ordered
    paid = await buyer.pays(ordered.body, ASKS)
    # 409: it lapsed while the server was away.
    assert paid.status in {202, 409}, paid
    path = f"/api/orders/{ordered.body['id']}"
    await buyer.waits_for(path, status="cancelled", cancelReason="expired")
    await seller.waits_for(f"/api/tickets/{ticket['id']}", status="available")
    if statuses(buyer, ordered.body):
        await buyer.waits_for(f"/api/payments/{ordered.body['id']}", status="voided")
    assert {*statuses(buyer, ordered.body)} <= {"canceled"}


async def refund(seller: Person, buyer: Person) -> None:
    await refunded(seller, buyer, relist=False)


async def refund_and_relist(seller: Person, buyer: Person) -> None:
    await refunded(seller, buyer, relist=True)


async def capture_impossible(seller: Person, buyer: Person) -> None:
    ticket = await seller.lists("Capture impossible")
    ordered = await buyer.orders(ticket)
    assert ordered.status == 201, ordered
    async with asyncio.TaskGroup() as tasks:
        paying = tasks.create_task(buyer.pays(ordered.body, "tok_visa"))
        await seller.waits_for(f"/api/tickets/{ticket['id']}", status="sold")
        (intent,) = intents(buyer, ordered.body)
        path = f"/v1/payment_intents/{intent['id']}/cancel"
        canceled = await buyer.world.at_sandbox(path, form={})
    order = await buyer.sees(f"/api/orders/{ordered.body['id']}")
    if canceled == 200:
        assert paying.result().status == 409, paying.result()
        assert (order["status"], order["cancelReason"]) == ("cancelled", "payment_failed")
        await seller.waits_for(f"/api/tickets/{ticket['id']}", status="available")
    else:
        # A death ended the delay, and the capture was faster.
        assert (paying.result().status, order["status"]) == (201, "complete")


async def asked(seller: Person, buyer: Person, title: str) -> dict[str, Any]:
    """An order whose payer has to answer the bank."""
    ordered = await buyer.orders(await seller.lists(title))
    assert ordered.status == 201, ordered
    paid = await buyer.pays(ordered.body, ASKS)
    assert (paid.status, paid.body["status"]) == (202, "requires_action"), paid
    order: dict[str, Any] = ordered.body
    return order


async def answers_bank(buyer: Person, order: Mapping[str, Any], outcome: str) -> None:
    payment = await buyer.sees(f"/api/payments/{order['id']}")
    said = {"client_secret": payment["clientSecret"], "outcome": outcome}
    status = await buyer.world.at_sandbox("/_sandbox/authenticate", form=said)
    # Whoever got no answer before the death may have been heard.
    assert status == 200 or buyer.world.deaths, status


async def refunded(seller: Person, buyer: Person, *, relist: bool) -> None:
    ticket = await seller.lists("Refund")
    ordered = await buyer.orders(ticket)
    assert ordered.status == 201, ordered
    paid = await buyer.pays(ordered.body, "tok_visa")
    assert paid.status == 201, paid
    buyer.promises.pop()  # What it promises is about to be taken back.
    answer = await gives_back(seller, ordered.body, relist=relist)
    assert answer.status == 200, answer
    path = f"/api/orders/{ordered.body['id']}"
    await buyer.waits_for(path, status="cancelled", cancelReason="refunded")
    await buyer.waits_for(f"/api/payments/{ordered.body['id']}", status="refunded")
    after = "available" if relist else "withdrawn"
    await seller.waits_for(f"/api/tickets/{ticket['id']}", status=after)
    (intent,) = intents(buyer, ordered.body)
    assert [each["amount"] for each in intent["refunds"]] == [2_500]


async def gives_back(seller: Person, order: Mapping[str, Any], *, relist: bool) -> Answer:
    """An administrator's refund; who has no answer asks again, with the same key."""
    now = datetime.now(UTC)  # noqa: TID251 - a server of its own will look at its clock
    claims = {
        "sub": str(uuid4()),
        "email": "house@crash.test",
        "iat": now,
        "exp": now + timedelta(minutes=10),
        "jti": str(uuid4()),
        "iss": "ticketing",
        "aud": "ticketing",
        "roles": [ADMIN],
    }
    token = jwt.encode(claims, KEY, "HS256")
    return await seller.world.call(
        "POST",
        f"/api/admin/orders/{order['id']}/refund",
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())},
        body={"reason": "Ground flooded", "relist": relist},
    )


def intents(buyer: Person, order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the sandbox holds about *order*, oldest first."""
    held = buyer.world.books()
    return [each for each in held if each["metadata"]["order_id"] == order["id"]]


def statuses(buyer: Person, order: Mapping[str, Any]) -> list[str]:
    return [each["status"] for each in intents(buyer, order)]


SCENARIOS: Final = (
    Scenario(bank_and_back),
    Scenario(bank_and_webhook, faults=ONLY_THE_NEWS),
    Scenario(bank_refuses),
    Scenario(another_card),
    # Long enough for a payment to begin, and for the bank to ask.
    Scenario(bank_unanswered, {"TICKETING_RESERVATION_SECONDS": "2"}),
    Scenario(refund, {"JWT_KEY": KEY}),
    Scenario(refund_and_relist, {"JWT_KEY": KEY}),
    Scenario(capture_impossible, faults=(SILENCE, CAPTURED_LATE)),
)
