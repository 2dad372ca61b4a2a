"""A payment: what its facts make of it, and what its money does to the books."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from msgspec.structs import replace

from ticketing.payments import ledger
from ticketing.payments.facts import (
    AttemptActionRequired,
    AttemptAuthorised,
    AttemptDeclined,
    AttemptNotSent,
    AttemptStarted,
    CaptureFailed,
    PaymentAbandoned,
    PaymentCaptured,
    PaymentFact,
    PaymentRefunded,
    PaymentSettled,
    PaymentVoided,
    RefundFailed,
    RefundRequested,
    VoidRequested,
)
from ticketing.payments.state import AttemptStatus, PaymentState, PaymentStatus
from ticketing.values import OrderId, UserId

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
T1 = T0 + timedelta(minutes=15)
SELLER, BUYER = UserId("seller"), UserId("buyer")
ORDER = OrderId("order")

STARTED = AttemptStarted(
    at=T0, number=1, attempts_left=2, buyer_id=BUYER, seller_id=SELLER, amount_minor=2500,
    currency="eur",
)  # fmt: skip
ASKED = AttemptActionRequired(at=T0, number=1, intent_id="pi_1", secret="sealed")
AUTHORISED = AttemptAuthorised(at=T0, number=1, intent_id="pi_1")
SETTLED = PaymentSettled(at=T0, number=1)
CAPTURED = PaymentCaptured(at=T1, number=1, fee_minor=63)
GIVEN_BACK = RefundRequested(at=T1, number=1, intent_id="pi_1", amount_minor=2500, why="admin")
REFUNDED = PaymentRefunded(at=T1, number=1, refund_id="re_1")
FAILED = RefundFailed(at=T1, number=1, why="expired_card")


def payment(*facts: PaymentFact) -> PaymentState:
    return fold(PaymentState(id=ORDER), STARTED, *facts)


def fold(state: PaymentState, *facts: PaymentFact) -> PaymentState:
    return reduce(lambda before, fact: before.apply(fact), facts, state)


def test_a_payment_begins_with_an_attempt() -> None:
    started = payment()
    assert (started.status, started.attempts_left) == (PaymentStatus.PROCESSING, 2)
    assert [attempt.status for attempt in started.attempts] == [AttemptStatus.STARTED]
    assert started.created_at == T0


def test_a_payment_that_goes_well_is_authorised_settled_and_captured() -> None:
    settled = payment(AUTHORISED, PaymentSettled(at=T0, number=1))
    assert settled.status is PaymentStatus.PROCESSING
    captured = fold(settled, PaymentCaptured(at=T1, number=1))
    assert captured.status is PaymentStatus.CAPTURED
    assert captured.attempt is not None
    assert (captured.attempt.status, captured.attempt.intent_id) == ("captured", "pi_1")
    assert [line.what for line in captured.timeline] == [
        "started", "authorised", "settled", "captured",
    ]  # fmt: skip


def test_a_declined_attempt_leaves_fewer() -> None:
    facts = AttemptDeclined(at=T0, number=1, decline_code="card_declined", attempts_left=1)
    declined = payment(facts)
    assert (declined.status, declined.attempts_left) == (PaymentStatus.DECLINED, 1)
    assert declined.attempts[0].decline_code == "card_declined"


def test_an_attempt_that_was_not_sent_costs_none() -> None:
    not_sent = payment(AttemptNotSent(at=T0, number=1))
    assert (not_sent.status, not_sent.attempts_left) == (PaymentStatus.DECLINED, 2)


def test_a_second_attempt_leaves_the_first_as_it_was() -> None:
    first = AttemptDeclined(at=T0, number=1, decline_code="no", attempts_left=1)
    again = AttemptStarted(
        at=T1, number=2, attempts_left=1, buyer_id=BUYER, seller_id=SELLER, amount_minor=2500,
        currency="eur",
    )  # fmt: skip
    second = payment(first, again)
    assert [each.status for each in second.attempts] == ["declined", "started"]
    assert (second.status, second.created_at) == (PaymentStatus.PROCESSING, T0)


def test_a_payment_whose_ticket_is_gone_is_voided() -> None:
    voiding = payment(AUTHORISED, VoidRequested(at=T0, number=1))
    assert voiding.status is PaymentStatus.PROCESSING
    assert fold(voiding, PaymentVoided(at=T1, number=1)).status is PaymentStatus.VOIDED


def test_who_has_to_act_is_told_how_once_and_the_timeline_keeps_no_secret() -> None:
    waiting = payment(ASKED, ASKED)
    assert waiting.status is PaymentStatus.REQUIRES_ACTION
    assert waiting.attempt is not None
    assert (waiting.attempt.secret, waiting.attempt.looks) == ("sealed", 2)
    assert [(line.what, line.detail) for line in waiting.timeline] == [
        ("started", None), ("action_required", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "ends",
    [
        AUTHORISED,
        AttemptDeclined(at=T1, number=1, decline_code="no", attempts_left=1),
        VoidRequested(at=T1, number=1),
    ],
)
def test_the_secret_goes_with_its_use(ends: PaymentFact) -> None:
    attempt = payment(ASKED, ends).attempt
    assert attempt is not None
    assert (attempt.secret, attempt.intent_id) == (None, "pi_1")


def test_what_is_tidied_up_of_an_attempt_before_does_not_say_where_the_money_is() -> None:
    second = replace(STARTED, number=2)
    both = payment(ASKED, VoidRequested(at=T1, number=1), second)
    assert both.status is PaymentStatus.PROCESSING
    asked = fold(both, replace(ASKED, number=2, intent_id="pi_2"), PaymentVoided(at=T1, number=1))
    assert asked.status is PaymentStatus.REQUIRES_ACTION
    assert [each.status for each in asked.attempts] == ["voided", "action_required"]


def test_an_abandoned_payment_remembers_it() -> None:
    assert payment(PaymentAbandoned(at=T1)).abandoned_at == T1


def test_a_sale_that_cannot_be_captured_charges_nobody() -> None:
    undone = payment(AUTHORISED, SETTLED, CaptureFailed(at=T1, number=1))
    assert undone.status is PaymentStatus.VOIDED
    assert undone.attempt is not None
    assert undone.attempt.status is AttemptStatus.IMPOSSIBLE


def test_a_refund_is_refunded_only_when_it_is() -> None:
    sold = payment(AUTHORISED, SETTLED, CAPTURED)
    assert fold(sold, GIVEN_BACK).status is PaymentStatus.CAPTURED
    assert fold(sold, GIVEN_BACK, REFUNDED).status is PaymentStatus.REFUNDED
    failed = fold(sold, GIVEN_BACK, REFUNDED, FAILED)
    assert failed.status is PaymentStatus.CAPTURED
    again = fold(failed, GIVEN_BACK).attempt
    assert again is not None
    assert (again.status, again.refunds) == (AttemptStatus.REFUNDING, 2)


def test_money_that_nobody_asked_for_is_processed_until_it_is_back() -> None:
    arrived = payment(AUTHORISED, VoidRequested(at=T1, number=1), replace(GIVEN_BACK, why="late"))
    assert arrived.status is PaymentStatus.PROCESSING
    back = fold(arrived, REFUNDED)
    assert back.status is PaymentStatus.REFUNDED
    assert back.attempt is not None
    assert not back.attempt.is_sale


@pytest.mark.parametrize("amount", [1, 3, 99, 2500, 99_999_999])
@pytest.mark.parametrize("percent", ["0", "0.5", "2.5", "33.3", "100"])
def test_what_a_sale_moves_and_its_refund_moves_back_sums_to_zero(
    amount: int, percent: str
) -> None:
    fee = ledger.fee(amount, Decimal(percent))
    sold = fold(
        PaymentState(id=ORDER),
        replace(STARTED, amount_minor=amount), AUTHORISED, SETTLED,
        replace(CAPTURED, fee_minor=fee),
    )  # fmt: skip
    moved = ledger.captured(sold, the(sold), T1)
    assert sum(each.delta_minor for each in moved) == 0
    assert balances(moved)["provider"] == amount
    given = fold(sold, replace(GIVEN_BACK, amount_minor=amount))
    back = ledger.given_back(given, the(given), T1)
    assert not any(balances([*moved, *back]).values())
    come = ledger.come_back(given, the(given), T1)
    assert balances([*moved, *back, *come]) == balances(moved)


def test_money_for_nothing_never_touches_the_seller() -> None:
    arrived = payment(AUTHORISED, VoidRequested(at=T1, number=1), GIVEN_BACK)
    moved = ledger.taken(arrived, 1, 2500, T1)
    back = ledger.given_back(arrived, the(arrived), T1)
    assert balances(moved) == {"provider": 2500, "suspense": -2500}
    assert not any(balances([*moved, *back]).values())


def test_a_second_refund_is_another_cause() -> None:
    first = payment(AUTHORISED, SETTLED, CAPTURED, GIVEN_BACK)
    second = fold(first, FAILED, GIVEN_BACK)
    causes = {
        each.cause for state in (first, second) for each in ledger.given_back(state, the(state), T1)
    }
    assert causes == {"refund:1.1", "refund:1.2"}


@pytest.mark.parametrize(
    ("amount", "percent", "fee"),
    [(2500, "2.5", 63), (2499, "2.5", 62), (1, "50", 1), (1, "49", 0), (333, "0", 0)],
)
def test_a_fee_is_rounded_to_the_nearest_minor_unit(amount: int, percent: str, fee: int) -> None:
    assert ledger.fee(amount, Decimal(percent)) == fee


def the(state: PaymentState) -> Any:
    assert state.attempt is not None
    return state.attempt


def balances(moved: list[ledger.Movement]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for each in moved:
        sums[each.account] += each.delta_minor
    return sums
