"""Ways to break what a market knows of its money: payments, ledger, audit log. See `breaks`."""

from datetime import datetime, timedelta

from tests.support.market import BUYER, PRICE, SELLER, Meddler
from ticketing.orders import messages as orders
from ticketing.orders.state import OrderCancelled, OrderSettled
from ticketing.payments import messages as payments
from ticketing.payments.facts import (
    AttemptStarted,
    PaymentRefunded,
    RefundFailed,
    RefundRequested,
    VoidRequested,
)
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import ReleaseReason, TicketReleased, TicketSold, TicketUnsold
from ticketing.values import TicketId


async def lose_the_payment_of_a_complete_order(meddler: Meddler) -> None:
    await meddler.forget("payment", meddler.market.complete)
    await meddler.sql("delete from ledger where order_id = $1", meddler.market.complete)


async def forget_that_an_order_is_complete(meddler: Meddler) -> None:
    key = meddler.market.complete
    await meddler.sql("delete from journal where key = $1 and fact = 'order.completed'", key)
    await meddler.sql(
        "update orders set status = 'awaiting:payment', version = version - 1, ended_at = null"
        " where id = $1",
        key,
    )


async def start_an_attempt_and_tell_nobody(meddler: Meddler, at: datetime | None = None) -> None:
    fact = AttemptStarted(
        at=await meddler.a_minute_ago(),
        number=2,
        attempts_left=4,
        buyer_id=BUYER,
        seller_id=SELLER,
        amount_minor=PRICE,
        currency="usd",
    )
    await meddler.record(payments.payment(meddler.market.tried), fact, at=at)


async def settle_an_order_that_nobody_pays(meddler: Meddler) -> None:
    market, at = meddler.market, await meddler.a_minute_ago()
    await meddler.record(tickets.ticket(market.reserved), TicketSold(order_id=market.live))
    await meddler.record(orders.order(market.live), OrderSettled(at=at))


async def ask_for_another_amount(meddler: Meddler) -> None:
    key = meddler.market.tried
    await meddler.sql("update payments set amount_minor = 1 where id = $1", key)
    await meddler.sql(
        "update journal set data = jsonb_set(data, '{amount_minor}', '1')"
        " where key = $1 and fact = 'payment.attempt_started'",
        key,
    )


async def lose_the_void_of_an_attempt(meddler: Meddler) -> None:
    fact = VoidRequested(at=await meddler.a_minute_ago(), number=1)
    await meddler.record(payments.payment(meddler.market.acting), fact)


async def cancel_an_order_and_not_its_payment(meddler: Meddler) -> None:
    """While the bank waits for the card holder."""
    market, at = meddler.market, await meddler.now() - timedelta(seconds=30)
    released = TicketReleased(order_id=market.acting, reason=ReleaseReason.CANCELLED, at=at)
    await meddler.record(tickets.ticket(TicketId("t-acting")), released, at=at)
    cancelled = OrderCancelled(at=at, reason=orders.CancelReason.USER)
    await meddler.record(orders.order(market.acting), cancelled, at=at)


async def cancel_what_is_paid(meddler: Meddler) -> None:
    fact = OrderCancelled(at=await meddler.a_minute_ago(), reason=orders.CancelReason.USER)
    await meddler.record(orders.order(meddler.market.complete), fact)


async def refund_an_order_and_not_its_payment(meddler: Meddler) -> None:
    market, at = meddler.market, await meddler.a_minute_ago()
    refunded = OrderCancelled(at=at, reason=orders.CancelReason.REFUNDED)
    await meddler.record(orders.order(market.complete), refunded)
    unsold = TicketUnsold(order_id=market.complete, at=at)
    await meddler.record(tickets.ticket(market.sold), unsold)


async def lose_the_refund_of_a_payment(meddler: Meddler) -> None:
    await refund_an_order_and_not_its_payment(meddler)
    await _ask_for_a_refund(meddler)


async def refund_without_taking_the_ticket_back(meddler: Meddler) -> None:
    market, at = meddler.market, await meddler.a_minute_ago()
    refunded = OrderCancelled(at=at, reason=orders.CancelReason.REFUNDED)
    await meddler.record(orders.order(market.complete), refunded)
    await _ask_for_a_refund(meddler)
    give_back = payments.GiveBack(number=1, intent_id="pi_1", amount_minor=PRICE)
    await meddler.tell(payments.teller(market.complete), give_back)


async def fail_to_give_money_back(meddler: Meddler) -> None:
    await lose_the_refund_of_a_payment(meddler)
    fact = RefundFailed(at=await meddler.a_minute_ago(), number=1, why="expired_card")
    await meddler.record(payments.payment(meddler.market.complete), fact)


async def refund_a_complete_order(meddler: Meddler) -> None:
    await _ask_for_a_refund(meddler)
    fact = PaymentRefunded(at=await meddler.a_minute_ago(), number=1, refund_id="re_1")
    await meddler.record(payments.payment(meddler.market.complete), fact)


async def _ask_for_a_refund(meddler: Meddler) -> None:
    fact = RefundRequested(
        at=await meddler.a_minute_ago(),
        number=1,
        intent_id="pi_1",
        amount_minor=PRICE,
        why="admin",
    )
    await meddler.record(payments.payment(meddler.market.complete), fact)


async def book_no_refund(meddler: Meddler) -> None:
    await meddler.sql(
        "delete from ledger where order_id = $1 and cause <> 'capture'", meddler.market.refunded
    )


async def book_a_movement_elsewhere(meddler: Meddler) -> None:
    await meddler.sql(
        "update ledger set cause = 'taken:1' where order_id = $1 and account = 'provider'",
        meddler.market.complete,
    )


async def change_the_audit_log(meddler: Meddler) -> None:
    await meddler.sql("update audit_log set reason = 'He asked for it' where seq = 1")


async def cut_the_audit_log_short(meddler: Meddler) -> None:
    await meddler.sql("delete from audit_log")


async def lose_a_cent(meddler: Meddler) -> None:
    await meddler.sql(
        "insert into ledger values ($1, 'correction', 'fees', 1, 'usd', now())",
        meddler.market.complete,
    )


async def take_a_share_from_the_seller(meddler: Meddler) -> None:
    await meddler.sql(
        "update ledger set delta_minor = delta_minor + case account when 'provider' then -1 else 1"
        " end where order_id = $1 and account <> 'fees'",
        meddler.market.complete,
    )


async def book_nothing(meddler: Meddler) -> None:
    await meddler.sql("delete from ledger where order_id = $1", meddler.market.complete)


async def book_twice(meddler: Meddler) -> None:
    await meddler.sql(
        "insert into ledger select order_id, 'again', account, delta_minor, currency, at"
        " from ledger where order_id = $1",
        meddler.market.complete,
    )


async def book_what_was_not_paid(meddler: Meddler) -> None:
    await meddler.sql(
        "insert into ledger select $1, cause, account, delta_minor, currency, at from ledger"
        " where order_id = $2",
        meddler.market.tried,
        meddler.market.complete,
    )


async def make_the_capture_young(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set at = clock_timestamp() where kind = 'payment' and key = $1",
        meddler.market.complete,
    )
