"""Ways to break a market, each so that one rule of `fsck` is broken and, if possible, no other."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from tests.support.market import Meddler
from ticketing.orders import messages as orders
from ticketing.orders.state import OrderCancelled, OrderCompleted, OrderSettled
from ticketing.payments import messages as payments
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import ReleaseReason, TicketReleased, TicketSold

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


async def have_the_watches_look(meddler: Meddler, *, seconds: float) -> None:
    """Their timers are due in so many seconds."""
    await meddler.sql(
        "update inbox set due_at = clock_timestamp() + $1 * interval '1 second'"
        " where kind = 'watch'",
        seconds,
    )
