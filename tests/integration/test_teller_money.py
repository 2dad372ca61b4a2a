"""What the teller tells of money: taken, let go of, given back."""

from pathlib import Path

import pytest

from actors import NotYetError
from tests.support.sandbox import EVERY_TRY, HandClock, held, script
from tests.support.teller import Desk, at_desk, taken
from tests.support.wait import until
from ticketing.payments.messages import (
    Capture,
    Captured,
    CaptureImpossible,
    GiveBack,
    LookAtRefund,
    Refunded,
    RefundFailed,
    Void,
    Voided,
)
from ticketing.payments.sandbox import running_sandbox


async def test_a_capture_that_is_impossible(desk: Desk) -> None:
    intent_id = await desk.authorised()
    await desk.at_stripe(f"payment_intents/{intent_id}/cancel")

    capture = Capture(number=1, intent_id=intent_id, amount_minor=2000)

    assert await desk.told(capture) == [CaptureImpossible(number=1)]


async def test_a_capture_of_another_amount(desk: Desk) -> None:
    intent_id = await desk.authorised()
    await desk.at_stripe(f"payment_intents/{intent_id}/capture", amount_to_capture="1500")

    capture = Capture(number=1, intent_id=intent_id, amount_minor=2000)

    assert await desk.told(capture) == [taken(intent_id, why="mismatch", amount=1500)]


async def test_a_void_that_comes_too_late(desk: Desk) -> None:
    intent_id = await desk.captured()

    assert await desk.told(Void(number=1, intent_id=intent_id)) == [taken(intent_id)]


@pytest.mark.parametrize("operation", ["capture", "cancel"])
async def test_nothing_is_told_until_it_is_known(desk: Desk, operation: str) -> None:
    intent_id = await desk.authorised()
    message: Capture | Void = Void(number=1, intent_id=intent_id)
    known: Captured | Voided = Voided(number=1, intent_id=intent_id)
    if operation == "capture":
        message = Capture(number=1, intent_id=intent_id, amount_minor=2000)
        known = Captured(number=1, intent_id=intent_id)
    fault = {"operation": operation, "kind": "drop_after", "times": EVERY_TRY}
    await script(desk.base_url, fault)

    with pytest.raises(NotYetError):
        await desk.told(message)
    assert await desk.told(message, is_repeat=True) == [known]


async def test_money_goes_back_once_however_often_it_is_asked_for(desk: Desk) -> None:
    intent_id = await desk.captured()
    give_back = GiveBack(number=1, intent_id=intent_id, amount_minor=2000)

    first = await desk.told(give_back)
    again = await desk.told(give_back, is_repeat=True)

    [refunded] = first
    assert isinstance(refunded, Refunded)
    assert again == first
    [intent] = await held(desk.base_url)
    assert intent["amount_refunded"] == 2000
    at = LookAtRefund(number=1, intent_id=intent_id, refund_id=refunded.refund_id)
    assert await desk.told(at) == first


async def test_a_stored_500_of_a_refund_is_followed_by_the_next_key(desk: Desk) -> None:
    intent_id = await desk.captured()
    give_back = GiveBack(number=1, intent_id=intent_id, amount_minor=2000)
    await script(desk.base_url, {"operation": "refund", "kind": "status", "status": 500})

    with pytest.raises(NotYetError):
        await desk.told(give_back)
    [refunded] = await desk.told(give_back, is_repeat=True)

    assert isinstance(refunded, Refunded)


async def test_a_refund_is_not_told_while_it_is_pending(desk: Desk) -> None:
    intent_id = await desk.captured("pm_card_pendingRefund")
    give_back = GiveBack(number=1, intent_id=intent_id, amount_minor=2000)

    with pytest.raises(NotYetError):
        await desk.told(give_back)
    [intent] = await held(desk.base_url)
    assert intent["amount_refunded"] == 2000


async def test_money_that_cannot_be_given_back(desk: Desk) -> None:
    intent_id = await desk.authorised()

    [told] = await desk.told(GiveBack(number=1, intent_id=intent_id, amount_minor=2000))

    assert isinstance(told, RefundFailed)
    assert told.number == 1


async def test_a_refund_that_fails_later_and_is_made_once_more(tmp_path: Path) -> None:
    clock = HandClock()
    clock.wake.set()  # The bank says at once what it says later.
    async with running_sandbox(tmp_path, clock=clock) as base_url, at_desk(base_url) as desk:
        intent_id = await desk.captured("pm_card_refundFail")
        give_back = GiveBack(number=1, intent_id=intent_id, amount_minor=2000)
        [told] = await desk.told(give_back)
        assert isinstance(told, Refunded)
        at = LookAtRefund(number=1, intent_id=intent_id, refund_id=told.refund_id)

        async def has_failed() -> bool:
            return isinstance((await desk.told(at))[0], RefundFailed)

        await until(has_failed, "the refund has failed")
        [again] = await desk.told(give_back, is_repeat=True)
        assert again == RefundFailed(number=1, why="unknown", intent_id=intent_id)
        second = GiveBack(number=1, intent_id=intent_id, amount_minor=2000, key_round=2)
        [other] = await desk.told(second)
        assert isinstance(other, Refunded)
        assert other.refund_id != told.refund_id
