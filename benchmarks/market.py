"""Tickets, reservations and orders by the hundred thousand, put into the tables as turns would.

Rows, timers and partitions are what the actors write. The journal is left out unless it is asked
for: the runtime writes it and, but for a sweep that finds something to repair, does not read it.
"""

from datetime import datetime, timedelta

import asyncpg

from actors import Ids, SystemClock
from actors.placement import SLOTS
from ticketing import bootstrap, tickets
from ticketing.auth.tokens import Tokens
from ticketing.values import TicketId, UserId

__all__ = ["buyers", "offer", "overdue", "reserve", "settle_down"]

# Below the limit of live reservations, so that every purchase passes it as any other would.
TICKETS_A_BUYER = 3

# What the time of a reservation is by default; the reserved rows look that old.
WINDOW = timedelta(minutes=15)

# The first partitions of the two services; the database adds an actor's slot.
_TICKETS, _ORDERS = (bootstrap.SERVICES.index(name) * SLOTS for name in ("tickets", "orders"))

_OFFER = f"""
with made as materialized (
    select n, uuidv7()::text as id from generate_series(1, $1::int) n
),
offered as (
insert into tickets (id, version, partition, seller_id, title, price_minor, currency, status,
    created_at, lapses)
select id, 1, $2::int + crc32(convert_to('ticket/' || id, 'UTF8')) % {SLOTS}, 'seller',
    'Stand ' || n % 1000, 2000 + n % 500, 'usd', 'available',
    date_trunc('second', clock_timestamp()) - n * interval '1 second', '[]'
from made
returning *
),
noted as (
    insert into journal (kind, key, version, seq, fact, data, at, cause, partition, epoch, node)
    select 'ticket', id, 1, 0, 'ticket.listed', jsonb_build_object('fact', 'ticket.listed',
            'at', created_at, 'seller_id', seller_id, 'title', title, 'price_minor', price_minor,
            'currency', currency),
        created_at, 'benchmark', partition, 0, gen_random_uuid()
    from offered where $3
)
select id from offered
"""  # noqa: S608 - a constant

# The oldest tickets, so that pages of the newest are not about them.
_RESERVE = f"""
with chosen as materialized (
    select id as ticket_id, uuidv7()::text as order_id, uuidv7()::text as buyer_id,
        $2::timestamptz + $3::interval * (row_number() over () / $1::float8) as until
    from (select id from tickets where status = 'available' order by created_at limit $1) as free
),
held as (
    update tickets t set status = 'reserved', version = version + 1, order_id = c.order_id,
        buyer_id = c.buyer_id, reserved_at = c.until - $5::interval, reserved_until = c.until
    from chosen c where t.id = c.ticket_id
    returning t.*
),
ordered as (
    insert into orders (id, version, partition, ticket_id, ticket_version, buyer_id, seller_id,
        title, price_minor, currency, status, created_at, expires_at)
    select order_id, 1, $4::int + crc32(convert_to('order/' || order_id, 'UTF8')) % {SLOTS}, id,
        version, buyer_id, seller_id, title, price_minor, currency, 'created', reserved_at,
        reserved_until
    from held
    returning *
),
noted as (
    insert into journal (kind, key, version, seq, fact, data, at, cause, partition, epoch, node)
    select 'ticket', id, version, 0, 'ticket.reserved', jsonb_build_object(
            'fact', 'ticket.reserved', 'order_id', order_id, 'buyer_id', buyer_id,
            'at', reserved_at, 'until', reserved_until),
        reserved_at, 'benchmark', partition, 0, gen_random_uuid()
    from held where $6
    union all
    select 'order', id, 1, 0, 'order.placed', jsonb_build_object('fact', 'order.placed',
            'at', created_at, 'ticket_id', ticket_id, 'ticket_version', ticket_version,
            'buyer_id', buyer_id, 'seller_id', seller_id, 'title', title,
            'price_minor', price_minor, 'currency', currency, 'expires_at', expires_at),
        created_at, 'benchmark', partition, 0, gen_random_uuid()
    from ordered where $6
)
insert into inbox (id, partition, kind, key, name, message, body, due_at)
select uuidv7(), partition, 'ticket', id, 'lapse', 'tickets.lapse',
    jsonb_build_object('message', 'tickets.lapse', 'order_id', order_id), reserved_until
from held
union all
select uuidv7(), partition, 'order', id, 'expire', 'orders.expire',
    '{{"message": "orders.expire"}}', expires_at
from ordered
"""  # noqa: S608 - constants

_OVERDUE = """
select (select count(*) from tickets where status = 'reserved' and reserved_until < now())
    + (select count(*) from orders where status = 'created' and expires_at < now())
"""


async def offer(dsn: str, count: int, *, journalled: bool = False) -> list[str]:
    """Put *count* tickets up for sale; their ids, the newest first.

    If *journalled*, `fsck` finds nothing wrong with them.
    """
    connection = await asyncpg.connect(dsn)
    try:
        made = [row["id"] for row in await connection.fetch(_OFFER, count, _TICKETS, journalled)]
        found = await connection.fetchval("select partition from tickets where id = $1", made[0])
        assert found == bootstrap.placement().partition(tickets.ticket(TicketId(made[0])))
    finally:
        await connection.close()
    await settle_down(dsn)
    return made


async def reserve(
    dsn: str, count: int, first: datetime, spread: timedelta, *, journalled: bool = False
) -> None:
    """Reserve *count* tickets, each for an order, with deadlines from *first* on."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_RESERVE, count, first, spread, _ORDERS, WINDOW, journalled)
    finally:
        await connection.close()
    await settle_down(dsn)


async def overdue(dsn: str) -> int:
    """How many tickets and orders should have lapsed and have not."""
    connection = await asyncpg.connect(dsn)
    try:
        left: int = await connection.fetchval(_OVERDUE)
    finally:
        await connection.close()
    return left


async def settle_down(dsn: str) -> None:
    """Do now what would disturb later: statistics, and what is not on disk yet."""
    connection = await asyncpg.connect(dsn)
    try:
        for table in ("tickets", "orders", "inbox"):
            await connection.execute(f"vacuum analyze {table}")
        await connection.execute("checkpoint")
    finally:
        await connection.close()


def buyers(wanted: list[str], key: str) -> list[str]:
    """Lines of "token ticket": every few tickets somebody else buys."""
    clock = SystemClock()
    tokens, ids = Tokens(key, None, "ticketing", "ticketing", clock), Ids(clock)
    lines = []
    for start in range(0, len(wanted), TICKETS_A_BUYER):
        token = tokens.issue(
            user_id=UserId(ids.new()), email="b@example.com", roles=(), session_epoch=0
        )
        lines += [f"{token} {ticket}" for ticket in wanted[start : start + TICKETS_A_BUYER]]
    return lines
