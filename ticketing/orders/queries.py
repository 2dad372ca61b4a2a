"""The reads behind pages; they wake no actor.

An unsettled order whose time is up reads as cancelled, whether or not its timer has run yet.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from asyncpg import Record
from msgspec.structs import replace

from ticketing.orders.state import CancelReason, OrderState, OrderStatus
from ticketing.reads import Reads
from ticketing.values import OrderId, UserId

__all__ = ["OwnOrder", "find", "newest_of_buyers", "page"]


class OwnOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its buyer may see it; *delivery* is sealed, and there once it is complete."""

    order: OrderState
    delivery: str | None


_SELECT: Final = """
    select orders.id, orders.version, orders.ticket_id, orders.ticket_version, orders.buyer_id,
        orders.seller_id, orders.title, orders.price_minor, orders.currency, orders.status,
        orders.cancel_reason, orders.created_at, orders.expires_at, orders.settled_at,
        orders.ended_at, is_overdue, tickets.delivery
    from orders
    cross join lateral (
        select status in ('created', 'awaiting:payment') and settled_at is null
            and expires_at <= now() as is_overdue
    ) as time
    left join tickets on tickets.id = orders.ticket_id and orders.status = 'complete'
        and tickets.order_id = orders.id
    where orders.buyer_id = $1
"""

_FIND: Final = _SELECT + "and orders.id = $2"

_PAGE: Final = (
    _SELECT
    + """
    and (orders.created_at, orders.id) < ($2, $3)
    and case when is_overdue then 'cancelled' else orders.status end = any($4::text[])
    order by orders.created_at desc, orders.id desc
    limit $5
"""
)


# With what is delivered for any order that has the ticket: it may be complete a moment later.
_NEWEST_OF_BUYERS: Final = """
    select found.*, tickets.delivery
    from unnest($1::text[]) as wanted (id)
    cross join lateral (
        select id, version, ticket_id, ticket_version, buyer_id, seller_id, title, price_minor,
            currency, status, cancel_reason, created_at, expires_at, settled_at, ended_at,
            status in ('created', 'awaiting:payment') and settled_at is null
                and expires_at <= now() as is_overdue
        from orders
        where buyer_id = wanted.id
        order by created_at desc, id desc
        limit {limit:d}
    ) as found
    left join tickets on tickets.id = found.ticket_id and tickets.order_id = found.id
"""


async def newest_of_buyers(reads: Reads, buyer_ids: list[UserId], *, each: int) -> list[OwnOrder]:
    """The newest orders of all these buyers, *each* at most.

    `delivery` is there for every order that its ticket is reserved for or sold to.
    """
    rows = await reads.rows(_NEWEST_OF_BUYERS.format(limit=each), buyer_ids)
    return [_own_order(row) for row in rows]


async def find(reads: Reads, order_id: OrderId, buyer_id: UserId) -> OwnOrder | None:
    """The order; None unless *buyer_id* placed it."""
    row = await reads.row(_FIND, buyer_id, order_id)
    return None if row is None else _own_order(row)


async def page(
    reads: Reads,
    buyer_id: UserId,
    *,
    statuses: Iterable[OrderStatus],
    before: tuple[datetime, str],
    limit: int,
) -> list[OwnOrder]:
    """At most *limit* orders of *buyer_id*, newest first, that were placed *before*."""
    names = [status.value for status in statuses]
    rows = await reads.rows(_PAGE, buyer_id, *before, names, limit)
    return [_own_order(row) for row in rows]


def _own_order(row: Record) -> OwnOrder:
    fields = dict(row)
    is_overdue, delivery = fields.pop("is_overdue"), fields.pop("delivery")
    order = msgspec.convert(fields, OrderState)
    if is_overdue:
        order = replace(order, status=OrderStatus.CANCELLED, cancel_reason=CancelReason.EXPIRED)
    return OwnOrder(order=order, delivery=delivery)
