"""`ticketing fsck`: what the payment provider holds, against the orders and the ledger."""

from typing import Any

import pytest

from tests.support import breaks_money
from tests.support.fsck import found
from tests.support.market import Market, Meddler
from ticketing.payments import messages as payments

pytestmark = pytest.mark.asyncio(loop_scope="session")


def intents(market: Market, order_id: str, **changes: Any) -> list[dict[str, Any]]:
    """What the provider holds, with the intents of *order_id* changed."""
    return [
        intent | changes if intent["metadata"]["order_id"] == order_id else intent
        for intent in market.intents
    ]


async def test_a_complete_order_is_paid_exactly_once(healthy: Market) -> None:
    lost = intents(healthy, healthy.complete, status="canceled")
    twice = healthy.intents + [intent for intent in lost if intent["status"] == "canceled"]
    twice[-1] = twice[-1] | {"status": "succeeded", "id": "pi_again"}
    less = intents(healthy, healthy.complete, amount_received=1)
    back = intents(healthy, healthy.complete, amount_refunded=2500)
    part = intents(healthy, healthy.complete, amount_refunded=500)
    cases = (
        (lost, "nothing"),
        (twice, "(pi_again)"),
        (less, "captured was 1 usd"),
        (back, "nothing"),
        (part, "captured was 2000 usd"),
    )
    for held, what in cases:
        violation, books = await found(healthy, held)
        assert str(violation).startswith("paid-once: order o-complete: costs 2500 usd, captured")
        assert what in violation.detail
        assert books.rule == "books"


async def test_nobody_pays_for_nothing(healthy: Market) -> None:
    held = intents(healthy, healthy.tried, status="succeeded", amount_received=2500, created=1)
    violation, books = await found(healthy, held)
    assert (violation.rule, books.rule) == ("paid-for-nothing", "books")
    assert violation.detail == "captured 2500 usd for order o-tried, but it is created"
    stranger = [held[0] | {"metadata": {}, "status": "succeeded", "created": 1}]
    (violation,) = await found(healthy, healthy.intents + stranger)
    assert violation.detail.endswith("for order ?, but there is none")


async def test_no_authorisation_is_left_open(healthy: Market, meddler: Meddler) -> None:
    now = (await meddler.now()).timestamp()
    fresh = intents(healthy, healthy.tried, status="requires_capture", created=now)
    assert await found(healthy, fresh) == []
    assert [each.rule for each in await found(healthy, fresh, at_rest=True)] == ["left-open"]
    old = intents(healthy, healthy.tried, status="requires_capture", created=1)
    (violation,) = await found(healthy, old)
    assert str(violation).startswith("left-open: intent pi_")
    assert violation.detail.startswith("2500 usd held for ")
    assert violation.detail.endswith(" s, order o-tried")


async def test_what_was_given_back_was_paid_for_nothing_and_is_no_violation(
    healthy: Market,
) -> None:
    taken = {"status": "succeeded", "amount_received": 2500, "created": 1}
    held = intents(healthy, healthy.tried, **taken, amount_refunded=2500)
    assert await found(healthy, held) == []
    held = intents(healthy, healthy.tried, **taken, amount_refunded=2499)
    assert {each.rule for each in await found(healthy, held)} == {"paid-for-nothing", "books"}


async def test_the_books_agree_to_the_cent(healthy: Market) -> None:
    held = intents(healthy, healthy.refunded, amount_refunded=2499, created=1)
    assert [str(each) for each in await found(healthy, held) if each.rule == "books"] == [
        "books: order o-refunded: the provider keeps 1 usd, booked are 0"
    ]


async def test_no_card_holder_is_waited_for_longer_than_the_order_lives(meddler: Meddler) -> None:
    market = meddler.market
    assert "requires_action" in {intent["status"] for intent in market.intents}
    await breaks_money.cancel_an_order_and_not_its_payment(meddler)
    await meddler.tell(payments.payment(market.acting), payments.Abandon())
    assert await found(market) == []
    assert [each.rule for each in await found(market, at_rest=True)] == ["left-waiting"]
