"""The sandbox's refunds: never more than was captured."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.payments.sandbox import intents, refunds
from ticketing.payments.sandbox.cards import card_of_method
from ticketing.payments.sandbox.intents import Intent
from ticketing.payments.sandbox.refunds import Refund, RefundStatus
from ticketing.payments.sandbox.refusals import Refusal


def held(method: str = "pm_card_visa") -> Intent:
    intent = Intent(
        id="pi_1",
        client_secret="pi_1_secret_1",
        created=1,
        amount=2000,
        currency="usd",
        capture_method="manual",
    )
    return intent.with_card(card_of_method(method), "pm_1").confirm("1")


def captured(method: str = "pm_card_visa", amount: int | None = None) -> Intent:
    return intents.capture(held(method), amount)


def give_back(intent: Intent, amount: int | None = None) -> tuple[Refund, Intent]:
    return refunds.give_back(intent, amount, "re_1", now=5)


def test_everything_goes_back() -> None:
    refund, after = give_back(captured())

    assert (refund.amount, refund.status, refund.charge) == (2000, RefundStatus.SUCCEEDED, "ch_1")
    assert (after.amount_refunded, after.amount_received) == (2000, 2000)
    with pytest.raises(Refusal) as refused:
        give_back(after)
    assert (refused.value.code, refused.value.kept) == ("charge_already_refunded", True)


def test_parts_go_back_until_nothing_is_left() -> None:
    _, after = give_back(captured(), 1999)
    with pytest.raises(Refusal) as refused:
        give_back(after, 2)
    assert (refused.value.code, refused.value.param) == ("amount_too_large", "amount")

    refund, after = give_back(after)
    assert (refund.amount, after.amount_refunded) == (1, 2000)


def test_only_what_was_captured_goes_back() -> None:
    refund, _ = give_back(captured(amount=500))

    assert refund.amount == 500


def test_what_was_not_captured_does_not_go_back() -> None:
    with pytest.raises(Refusal) as refused:
        give_back(held())
    assert (refused.value.status, refused.value.param) == (400, "payment_intent")


def test_a_refund_that_takes_its_time() -> None:
    refund, after = give_back(captured("pm_card_pendingRefund"))
    assert (refund.status, refund.settles_at) == (
        RefundStatus.PENDING,
        5 + refunds.SETTLE_SECONDS,
    )

    settled, after = refunds.settle(refund, after)
    assert (settled.status, settled.settles_at) == (RefundStatus.SUCCEEDED, None)
    assert after.amount_refunded == 2000


def test_a_refund_that_fails_can_be_made_once_more() -> None:
    refund, after = give_back(captured("pm_card_refundFail"))
    assert refund.status is RefundStatus.SUCCEEDED

    failed, after = refunds.settle(refund, after)
    assert (failed.status, failed.failure_reason) == (RefundStatus.FAILED, "unknown")
    assert after.amount_refunded == 0
    assert give_back(after)[1].amount_refunded == 2000


@dataclass(frozen=True)
class Step:
    amount: int | None
    settle: bool


@given(
    st.sampled_from(["pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail"]),
    st.integers(1, 2000),
    st.lists(st.builds(Step, st.none() | st.integers(1, 2500), st.booleans()), max_size=12),
)
def test_never_more_than_was_captured(method: str, taken: int, steps: list[Step]) -> None:
    after = captured(method, taken)
    standing: list[Refund] = []
    for step in steps:
        try:
            refund, after = give_back(after, step.amount)
        except Refusal:
            continue
        if step.settle and refund.becomes is not None:
            refund, after = refunds.settle(refund, after)
        if refund.status is not RefundStatus.FAILED:
            standing.append(refund)
        assert after.amount_refunded == sum(each.amount for each in standing) <= taken
