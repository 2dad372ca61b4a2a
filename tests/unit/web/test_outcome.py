"""Waiting for what comes of a payment, without a payment."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace

from actors import Change, State, Subscription, UnavailableError
from tests.support.clock import START, FakeClock
from ticketing.errors import OrderCancelledError, OrderExpiredError, PaymentInProgressError
from ticketing.orders import CancelReason, OrderState, OrderStatus
from ticketing.payments import Attempt, AttemptStatus, PaymentState, PaymentStatus
from ticketing.reads import Reads
from ticketing.values import OrderId, UserId
from web.outcome import Outcome, Watch
from web.refusals import PaymentDeclinedError, ProviderUnavailableError

ORDER = OrderState(id=OrderId("o"), created_at=START, expires_at=START)
STARTED = PaymentState(
    id=OrderId("o"),
    attempts_left=4,
    created_at=START,
    attempts=(Attempt(number=1, status=AttemptStatus.STARTED),),
)


class Stored(Reads):
    """A database with one payment and its order in it."""

    def __init__(self, payment: PaymentState | None = STARTED, order: OrderState = ORDER) -> None:
        self.payment = payment
        self.order = order

    async def row(self, sql: str, *arguments: object) -> Any:
        del arguments
        if self.payment is None:
            raise UnavailableError("The database is away")
        if "from payments" in sql:
            lists = {
                name: msgspec.json.encode(getattr(self.payment, name)).decode()
                for name in ("attempts", "timeline")
            }
            return asdict(self.payment) | lists
        return asdict(self.order) | {"is_overdue": False, "delivery": None}


class Case:
    """A watch, and what is heard and stored while it waits."""

    def __init__(self) -> None:
        self.stored = Stored()
        self.paid, self.ordered = Subscription(), Subscription()
        self.clock = FakeClock()
        self.watch = Watch(
            self.stored,
            self.clock,
            OrderId("o"),
            UserId("u"),
            paid=self.paid,
            ordered=self.ordered,
        )

    def hear(self, subscription: Subscription, state: State) -> None:
        subscription.offer(Change("kind", "o", 2, state))

    def time_is_up(self) -> None:
        self.clock.advance(11)


def attempt(status: AttemptStatus, decline_code: str | None = None) -> PaymentState:
    return replace(STARTED, attempts=(Attempt(number=1, status=status, decline_code=decline_code),))


def asked(looks: int) -> PaymentState:
    """The card holder has to act, and the provider has said so so often."""
    waiting = Attempt(
        number=1, status=AttemptStatus.ACTION_REQUIRED, secret=f"sealed {looks}", looks=looks
    )
    return replace(STARTED, attempts=(waiting,), status=PaymentStatus.REQUIRES_ACTION)


TAKEN = Outcome(PaymentStatus.CAPTURED)
NOT_KNOWN_YET = Outcome(PaymentStatus.PROCESSING)
CAPTURED = attempt(AttemptStatus.CAPTURED)
COMPLETE = replace(ORDER, status=OrderStatus.COMPLETE)


async def test_money_taken_and_order_complete() -> None:
    case = Case()
    case.hear(case.paid, CAPTURED)
    case.hear(case.ordered, COMPLETE)
    assert await case.watch.outcome(STARTED, is_retry=False) == TAKEN


async def test_money_taken_and_order_not_complete_in_time() -> None:
    case = Case()
    case.hear(case.paid, CAPTURED)
    case.time_is_up()
    assert await case.watch.outcome(STARTED, is_retry=False) == NOT_KNOWN_YET


async def test_nothing_known_in_time() -> None:
    case = Case()
    case.time_is_up()
    assert await case.watch.outcome(STARTED, is_retry=False) == NOT_KNOWN_YET


async def test_a_decline() -> None:
    case = Case()
    case.hear(case.paid, attempt(AttemptStatus.DECLINED, "insufficient_funds"))
    with pytest.raises(PaymentDeclinedError) as caught:
        await case.watch.outcome(STARTED, is_retry=False)
    assert caught.value.details == {"decline_code": "insufficient_funds", "attempts_left": 4}


async def test_nothing_was_sent() -> None:
    case = Case()
    case.hear(case.paid, attempt(AttemptStatus.NOT_SENT))
    with pytest.raises(ProviderUnavailableError):
        await case.watch.outcome(STARTED, is_retry=False)


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [(CancelReason.EXPIRED, OrderExpiredError), (CancelReason.USER, OrderCancelledError)],
)
async def test_the_ticket_was_gone(reason: CancelReason, refusal: type[Exception]) -> None:
    case = Case()
    case.stored.order = replace(ORDER, status=OrderStatus.CANCELLED, cancel_reason=reason)
    case.hear(case.paid, attempt(AttemptStatus.VOIDED))
    with pytest.raises(refusal):
        await case.watch.outcome(STARTED, is_retry=False)


async def test_a_change_that_was_lost_is_found_in_the_end() -> None:
    case = Case()
    case.stored.payment = attempt(AttemptStatus.DECLINED)
    case.time_is_up()
    with pytest.raises(PaymentDeclinedError):
        await case.watch.outcome(STARTED, is_retry=False)
    case.stored.payment, case.stored.order = CAPTURED, COMPLETE
    assert await case.watch.outcome(STARTED, is_retry=False) == TAKEN


class Deaf(Subscription):
    """What is told of never gets here; whoever waits looks at *case* when a moment has passed."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._case = case
        self._looks = iter((STARTED, None, CAPTURED))

    async def next(self, timeout: float) -> Change:
        assert timeout <= 2
        self._case.stored.payment = next(self._looks, CAPTURED)
        raise TimeoutError


async def test_a_change_that_was_lost_is_found_before_long() -> None:
    case = Case()
    case.stored.order = COMPLETE
    deaf = Deaf(case)
    watch = Watch(
        case.stored, case.clock, OrderId("o"), UserId("u"), paid=deaf, ordered=deaf
    )  # fmt: skip
    assert await watch.outcome(STARTED, is_retry=False) == TAKEN


async def test_a_retry_finds_what_was_there_before_it() -> None:
    case = Case()
    case.stored.payment, case.stored.order = CAPTURED, COMPLETE
    assert await case.watch.outcome(STARTED, is_retry=True) == TAKEN


async def test_a_retry_is_answered_for_its_own_attempt() -> None:
    case = Case()
    declined = Attempt(number=1, status=AttemptStatus.DECLINED)
    paid = Attempt(number=2, status=AttemptStatus.CAPTURED)
    case.stored.payment = replace(STARTED, attempts=(declined, paid))
    with pytest.raises(PaymentDeclinedError):
        await case.watch.outcome(STARTED, is_retry=True)


async def test_the_card_holder_has_to_act() -> None:
    case = Case()
    case.hear(case.paid, asked(1))
    outcome = await case.watch.outcome(STARTED, is_retry=False)
    assert outcome == Outcome(PaymentStatus.REQUIRES_ACTION, "sealed 1")


async def test_who_is_back_is_told_what_came_of_it() -> None:
    case = Case()
    case.stored.payment = asked(1)
    case.hear(case.paid, attempt(AttemptStatus.AUTHORISED))
    case.hear(case.paid, CAPTURED)
    case.stored.order = COMPLETE
    assert await case.watch.outcome(asked(1), is_retry=True, looks=1) == TAKEN


async def test_who_is_back_without_having_acted_is_sent_there_again() -> None:
    case = Case()
    case.stored.payment = asked(1)
    case.hear(case.paid, asked(1))
    case.hear(case.paid, asked(2))
    outcome = await case.watch.outcome(asked(1), is_retry=True, looks=1)
    assert outcome == Outcome(PaymentStatus.REQUIRES_ACTION, "sealed 2")


async def test_who_is_back_waits_for_the_provider_and_not_for_ever() -> None:
    case = Case()
    case.stored.payment = asked(1)
    case.time_is_up()
    assert await case.watch.outcome(asked(1), is_retry=True, looks=1) == NOT_KNOWN_YET


async def test_a_card_that_made_way_for_another_is_told_so() -> None:
    case = Case()
    voided = Attempt(number=1, status=AttemptStatus.VOIDED)
    other = Attempt(number=2, status=AttemptStatus.STARTED)
    case.stored.payment = replace(STARTED, attempts=(voided, other))
    with pytest.raises(PaymentInProgressError):
        await case.watch.outcome(asked(1), is_retry=True, looks=1)


async def test_money_that_was_given_back_before_anybody_looked() -> None:
    case = Case()
    case.stored.payment = CAPTURED
    reason = CancelReason.REFUNDED
    case.stored.order = replace(ORDER, status=OrderStatus.CANCELLED, cancel_reason=reason)
    with pytest.raises(OrderCancelledError):
        await case.watch.outcome(STARTED, is_retry=True)
