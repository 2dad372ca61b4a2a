"""Ways to break a market, each so that one rule of `fsck` is broken and, if possible, no other."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from tests.support.market import BUYER, PRICE, SELLER, Meddler
from ticketing.orders import messages as orders
from ticketing.orders.state import OrderCancelled, OrderCompleted, OrderSettled
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

Break: TypeAlias = Callable[[Meddler], Awaitable[None]]


async def lose_the_order_of_a_reservation(meddler: Meddler) -> None:
    await meddler.forget("order", meddler.market.live)
    await meddler.blind_the_watches()


async def cancel_the_order_of_a_reservation(meddler: Meddler) -> None:
    at = await meddler.a_minute_ago()
    fact = OrderCancelled(at=at, reason=orders.CancelReason.USER)
    await meddler.record(orders.order(meddler.market.live), fact)


async def release_the_ticket_of_a_live_order(meddler: Meddler, at: datetime | None = None) -> None:
    market, at = meddler.market, at or await meddler.a_minute_ago()
    fact = TicketReleased(order_id=market.live, reason=ReleaseReason.CANCELLED, at=at)
    await meddler.record(tickets.ticket(market.reserved), fact, at=at)
    await meddler.blind_the_watches()


async def sell_to_an_order_that_is_not_settled(
    meddler: Meddler, at: datetime | None = None
) -> None:
    market = meddler.market
    fact = TicketSold(order_id=market.live)
    await meddler.record(tickets.ticket(market.reserved), fact, at=at)
    await meddler.blind_the_watches()


async def take_the_ticket_from_a_complete_order(meddler: Meddler) -> None:
    market, at = meddler.market, await meddler.a_minute_ago()
    fact = TicketReleased(order_id=market.complete, reason=ReleaseReason.CANCELLED, at=at)
    await meddler.record(tickets.ticket(market.sold), fact)


async def sell_twice(meddler: Meddler) -> None:
    """Give the first order of a ticket that was sold to the second everything a sale has."""
    first, second, at = meddler.market.cancelled, meddler.market.second, await meddler.now()
    await meddler.sql("drop index orders_one_sale")
    await meddler.sql("delete from journal where key = $1 and fact = 'order.cancelled'", first)
    await meddler.sql(
        "update orders set status = 'created', version = version - 1, cancel_reason = null,"
        " ended_at = null where id = $1",
        first,
    )
    order = orders.order(first)
    await meddler.record(order, OrderSettled(at=at), OrderCompleted(at=at))
    await meddler.sql(_as_of("journal", "kind = 'payment' and key = $2", "key"), first, second)
    await meddler.sql(_as_of("payments", "id = $2", "id"), first, second)
    await meddler.sql(_as_of("ledger", "order_id = $2", "order_id"), first, second)
    partition = meddler.partition(payments.payment(first))
    await meddler.sql("update payments set partition = $2 where id = $1", first, partition)
    await meddler.sql(
        "update journal set partition = $2 where kind = 'payment' and key = $1", first, partition
    )


def _as_of(table: str, rows: str, key: str) -> str:
    """Copies *rows* of *table*, with another key: $1."""
    return f"""
        insert into {table}
        select (jsonb_populate_record(x, jsonb_build_object('{key}', $1::text))).*
        from {table} x where {rows}
    """  # noqa: S608


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


async def miss_a_deadline(meddler: Meddler) -> None:
    market, late = meddler.market, await meddler.a_minute_ago()
    shift = "update journal set data = jsonb_set(data, array[$2], to_jsonb($3::text))"
    reserved = shift + " where key = $1 and fact = 'ticket.reserved'"
    placed = shift + " where key = $1 and fact = 'order.placed'"
    await meddler.sql(reserved, market.reserved, "until", late.isoformat())
    await meddler.sql(placed, market.live, "expires_at", late.isoformat())
    await meddler.sql("update tickets set reserved_until = $2 where id = $1", market.reserved, late)
    await meddler.sql("update orders set expires_at = $2 where id = $1", market.live, late)


async def lose_the_timer_of_a_ticket(meddler: Meddler) -> None:
    await meddler.sql(
        "delete from inbox where kind = 'ticket' and key = $1", meddler.market.reserved
    )


async def park_the_timer_of_an_order(meddler: Meddler) -> None:
    await meddler.sql(
        "update inbox set parked_at = now() where kind = 'order' and key = $1", meddler.market.live
    )


async def lose_the_timer_of_an_event(meddler: Meddler) -> None:
    await meddler.sql("delete from inbox where message = 'tickets.close'")


async def start_an_event_and_tell_nobody(meddler: Meddler) -> None:
    """As if it had been announced for a while ago."""
    ago, night = await meddler.now() - timedelta(hours=1), meddler.market.night
    for place, kind in (("starts_at", "event"), ("event,starts_at", "ticket")):
        await meddler.sql(
            "update journal set data = jsonb_set(data, $1::text::text[], to_jsonb($2::text))"
            " where kind = $3 and data #>> $1::text::text[] is not null",
            f"{{{place}}}",
            ago.isoformat(),
            kind,
        )
    await meddler.sql("update events set starts_at = $2 where id = $1", night, ago)
    await meddler.sql("update tickets set event_starts_at = $2 where event_id = $1", night, ago)


async def lose_an_event(meddler: Meddler) -> None:
    await meddler.forget("event", meddler.market.night)


async def change_the_price_after_the_reservation(meddler: Meddler) -> None:
    key = meddler.market.live
    await meddler.sql("update orders set price_minor = 1 where id = $1", key)
    await meddler.sql(
        "update journal set data = jsonb_set(data, '{price_minor}', '1')"
        " where key = $1 and fact = 'order.placed'",
        key,
    )


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


async def misplace_a_message(meddler: Meddler) -> None:
    await meddler.sql("update inbox set partition = 0 where kind = 'order'")


async def write_to_nobody(meddler: Meddler) -> None:
    await meddler.sql("update inbox set kind = 'bookmaker' where kind = 'watch' and key = '0'")


async def garble_a_message(meddler: Meddler) -> None:
    await meddler.sql("update inbox set message = 'watch.closely' where kind = 'watch'")


async def garble_a_fact(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set data = data - 'title' where key = $1 and version = 2",
        meddler.market.edited,
    )


async def rename_a_fact(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set fact = 'ticket.listed' where key = $1 and version = 2",
        meddler.market.edited,
    )


async def invent_a_kind(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set kind = 'bookmaker' where kind = 'ticket' and key = $1",
        meddler.market.free,
    )
    await meddler.sql("delete from tickets where id = $1", meddler.market.free)


async def lose_a_version(meddler: Meddler) -> None:
    await meddler.sql("delete from journal where key = $1 and version = 2", meddler.market.edited)


async def lose_the_last_version(meddler: Meddler) -> None:
    await meddler.sql("delete from journal where key = $1 and version = 3", meddler.market.edited)


async def start_counting_at_one(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set seq = 1 where key = $1 and version = 3", meddler.market.edited
    )


async def change_a_row(meddler: Meddler) -> None:
    await meddler.sql("update tickets set seat = '12' where id = $1", meddler.market.free)


async def lose_a_row(meddler: Meddler) -> None:
    await meddler.sql("delete from tickets where id = $1", meddler.market.free)


async def make_a_row_up(meddler: Meddler) -> None:
    await meddler.sql("delete from journal where key = $1", meddler.market.free)


async def misplace_a_row(meddler: Meddler) -> None:
    await meddler.sql("update tickets set partition = 0 where id = $1", meddler.market.free)


async def write_without_the_fence(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set epoch = 0 where key = $1 and version = 3", meddler.market.edited
    )


async def make_the_reservation_young(meddler: Meddler) -> None:
    """As if it had been made just now."""
    now, ticket_id = await meddler.now(), meddler.market.reserved
    await meddler.sql("update tickets set reserved_at = $2 where id = $1", ticket_id, now)
    await meddler.sql(
        "update journal set data = jsonb_set(data, '{at}', to_jsonb($2::text))"
        " where key = $1 and fact = 'ticket.reserved'",
        ticket_id,
        now.isoformat(),
    )


async def make_the_capture_young(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set at = clock_timestamp() where kind = 'payment' and key = $1",
        meddler.market.complete,
    )


async def have_the_watches_look(meddler: Meddler, *, seconds: float) -> None:
    """Their timers are due in so many seconds."""
    await meddler.sql(
        "update inbox set due_at = clock_timestamp() + $1 * interval '1 second'"
        " where kind = 'watch'",
        seconds,
    )
