"""Which payments an event is news for."""

from datetime import UTC, datetime, timedelta

import pytest

from ticketing.payments.messages import Touch, TouchRefund
from ticketing.payments.outcomes import Happened
from ticketing.payments.state import Attempt, AttemptStatus
from ticketing.payments.sweep import Hint, hints, latest, unclaimed
from ticketing.values import OrderId

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORDER = OrderId("o1")
TOUCH = {
    status: Hint(ORDER, Touch(intent_id="pi_1", status=status), "touch:pi_1")
    for status in ("requires_capture", "succeeded", "canceled", "requires_payment_method")
}
TOUCH_REFUND = Hint(ORDER, TouchRefund(intent_id="pi_1"), "refund:pi_1")


def event(status: str, *, is_refund: bool = False, intent_id: str = "pi_1") -> Happened:
    return Happened(
        intent_id=intent_id,
        order_id=ORDER,
        status=status,
        type="payment_intent.succeeded",
        created=NOW,
        is_refund=is_refund,
    )


def hint(happened: Happened, *attempts: Attempt) -> Hint | None:
    found = hints([happened], {ORDER: attempts} if attempts else {})
    assert len(found) <= 1
    return found[0] if found else None


def attempt(status: AttemptStatus, intent_id: str | None = "pi_1") -> Attempt:
    return Attempt(number=1, status=status, intent_id=intent_id)


@pytest.mark.parametrize(
    ("status", "happened"),
    [
        (AttemptStatus.ACTION_REQUIRED, "requires_capture"),
        (AttemptStatus.ACTION_REQUIRED, "requires_payment_method"),
        (AttemptStatus.ACTION_REQUIRED, "canceled"),
        (AttemptStatus.SETTLED, "succeeded"),
        (AttemptStatus.DECLINED, "requires_capture"),
        (AttemptStatus.VOIDED, "succeeded"),
        (AttemptStatus.IMPOSSIBLE, "succeeded"),
    ],
)
def test_what_a_payment_has_not_heard_of(status: AttemptStatus, happened: str) -> None:
    assert hint(event(happened), attempt(status)) == TOUCH[happened]


@pytest.mark.parametrize(
    ("status", "happened"),
    [
        (AttemptStatus.SETTLED, "requires_capture"),
        (AttemptStatus.CAPTURED, "succeeded"),
        (AttemptStatus.REFUNDED, "succeeded"),
        (AttemptStatus.VOIDING, "canceled"),
        (AttemptStatus.VOIDED, "canceled"),
        (AttemptStatus.DECLINED, "requires_payment_method"),
    ],
)
def test_what_a_payment_knows(status: AttemptStatus, happened: str) -> None:
    assert hint(event(happened), attempt(status)) is None


def test_an_intent_that_no_attempt_knows() -> None:
    started, declined = AttemptStatus.STARTED, AttemptStatus.DECLINED

    assert hint(event("requires_capture"), attempt(started, None)) is None  # It is being told.
    assert hint(event("requires_capture"), attempt(declined, None)) == TOUCH["requires_capture"]
    assert hint(event("canceled"), attempt(declined, None)) is None


def test_an_intent_of_somebody_else() -> None:
    assert hint(event("requires_capture")) is None
    assert hint(event("failed", is_refund=True)) is None


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_refund_that_has_failed_after_all(status: str) -> None:
    failed = event(status, is_refund=True)

    assert hint(failed, attempt(AttemptStatus.REFUNDED)) == TOUCH_REFUND
    assert hint(failed, attempt(AttemptStatus.REFUND_FAILED)) is None
    assert hint(failed, attempt(AttemptStatus.REFUNDED, "pi_2")) is None
    succeeded = event("succeeded", is_refund=True)
    assert hint(succeeded, attempt(AttemptStatus.REFUNDED)) is None


def test_the_last_word_counts() -> None:
    one, other = event("canceled"), event("requires_capture", intent_id="pi_2")
    newest_first = [
        event("succeeded", is_refund=True),
        one,
        event("failed", is_refund=True),
        other,
        event("requires_capture"),
        event("pending", is_refund=True),
        event("requires_payment_method", intent_id="pi_2"),
    ]

    assert latest(newest_first) == [event("failed", is_refund=True), one, other]


def test_an_older_word_does_not_come_back() -> None:
    later = NOW + timedelta(seconds=1)
    newest = Happened(intent_id="pi_1", order_id=ORDER, status="canceled", type="x", created=later)

    assert latest([newest, event("requires_capture")]) == [newest]


@pytest.mark.parametrize(
    ("happened", "attempts", "expected"),
    [
        (event("succeeded"), [], True),
        (event("requires_capture"), [], True),
        (event("canceled"), [], False),  # Nothing is held any more.
        (event("succeeded"), [attempt(AttemptStatus.STARTED, None)], False),  # It will be told.
        (event("succeeded", is_refund=True), [attempt(AttemptStatus.CAPTURED)], True),
        (event("failed", is_refund=True), [attempt(AttemptStatus.CAPTURED)], False),
        (event("succeeded", is_refund=True), [attempt(AttemptStatus.REFUNDING)], False),
        (event("succeeded", is_refund=True), [], False),  # Its capture is told of.
    ],
)
def test_money_that_our_books_know_nothing_of(
    happened: Happened, attempts: list[Attempt], *, expected: bool
) -> None:
    found = unclaimed([happened], {ORDER: attempts} if attempts else {})
    assert found == ((happened,) if expected else ())
