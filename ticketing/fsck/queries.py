"""The rules about pairs and deadlines, one query each: a subject and a detail for each violation.

Everything is judged at `now()`, the database's time when the transaction began.
"""

# ruff: noqa: S608 - the queries are put together out of constants

from typing import Final

from ticketing.fsck.fragments import IS_LIVE, OPEN, changed_at, told, watched

__all__ = ["RULES"]

# How late a deadline may be kept.
LATE: Final = "interval '5 seconds'"

# A stadium's tickets are withdrawn at one instant, in thousands of turns. None is sold meanwhile.
_CLOSES_WITHIN: Final = "interval '1 minute'"

_RESERVED: Final = f"""
select 'ticket ' || t.id as subject,
    format('reserved for order %s, which %s', t.order_id, case
        when o.id is null then 'does not exist'
        when (o.ticket_id, o.buyer_id) is distinct from (t.id, t.buyer_id)
            then format('is for ticket %s and buyer %s', o.ticket_id, o.buyer_id)
        when o.settled_at is not null then format('is %s and settled', o.status)
        else format('is %s (%s)', o.status, o.cancel_reason)
    end) as detail
from tickets t left join orders o on o.id = t.order_id
where t.status = 'reserved'
    and ({IS_LIVE} and o.ticket_id = t.id and o.buyer_id = t.buyer_id) is not true
    and coalesce(greatest(t.reserved_at, o.settled_at, o.ended_at) < now() - {OPEN}, true)
    and not (o.id is null
        and ({told("order", "t.order_id", "orders.adopt")} or {watched("t.partition")}))
"""

_LIVE: Final = f"""
select 'order ' || o.id as subject,
    format('%s, but ticket %s %s', o.status, o.ticket_id, case
        when t.id is null then 'does not exist'
        when t.order_id is null then 'is ' || t.status
        else format('is %s to order %s', t.status, t.order_id)
    end) as detail
from orders o left join tickets t on t.id = o.ticket_id
where {IS_LIVE} and t.order_id is distinct from o.id
    and greatest({changed_at("ticket", "t")}, o.created_at) < now() - {OPEN}
    and not {told("order", "o.id", "orders.expire", "orders.cancel")}
    and not {told("payment", "o.id", "payments.declined")}
    and not {watched("o.partition")}
"""

_SOLD: Final = f"""
select 'ticket ' || t.id as subject,
    format('sold to order %s, which %s', t.order_id, case
        when o.id is null then 'does not exist'
        when (o.ticket_id, o.buyer_id) is distinct from (t.id, t.buyer_id)
            then format('is for ticket %s and buyer %s', o.ticket_id, o.buyer_id)
        when o.status = 'cancelled' then format('is cancelled (%s)', o.cancel_reason)
        else format('is %s and not settled', o.status)
    end) as detail
from tickets t left join orders o on o.id = t.order_id
where t.status = 'sold'
    and (o.settled_at is not null and o.status <> 'cancelled'
        and o.ticket_id = t.id and o.buyer_id = t.buyer_id) is not true
    and coalesce(greatest({changed_at("ticket", "t")}, o.ended_at) < now() - {OPEN}, true)
    and not ({IS_LIVE} is true and (
        {told("payment", "o.id", "payments.authorised", "payments.declined")}
        or {told("order", "o.id", "orders.settle", "orders.expire", "orders.cancel")}
        or {watched("o.partition")}))
    and not (o.cancel_reason is not distinct from 'refunded'
        and {told("ticket", "t.id", "tickets.unsell")})
"""

_SETTLED: Final = f"""
select 'order ' || o.id as subject,
    format('%s and settled, but ticket %s %s', o.status, o.ticket_id, case
        when t.id is null then 'does not exist'
        else format('is %s (order %s)', t.status, coalesce(t.order_id, 'none'))
    end) as detail
from orders o left join tickets t on t.id = o.ticket_id
where o.settled_at is not null and o.status <> 'cancelled'
    and (t.status = 'sold' and t.order_id = o.id) is not true
    and greatest(o.settled_at, {changed_at("ticket", "t")}) < now() - {OPEN}
    and not {told("payment", "o.id", "payments.capture_impossible", "payments.taken_anyway")}
"""

_ONE_SALE: Final = """
select 'ticket ' || o.ticket_id as subject,
    format('%s complete orders: %s', count(*), string_agg(o.id, ', ' order by o.id)) as detail
from orders o
where o.status = 'complete'
group by o.ticket_id having count(*) > 1
"""

_DEADLINE: Final = f"""
select 'ticket ' || t.id as subject,
    format('reserved until %s, %s ago', t.reserved_until, now() - t.reserved_until) as detail
from tickets t
where t.status = 'reserved' and t.reserved_until < now() - {LATE}
union all
select 'order ' || o.id, format('expires at %s, %s ago', o.expires_at, now() - o.expires_at)
from orders o
where {IS_LIVE} and o.expires_at < now() - {LATE}
union all
select 'ticket ' || t.id, format('available, but event %s started %s ago', t.event_id,
    now() - t.event_starts_at)
from tickets t
where t.status = 'available' and t.event_starts_at < now() - {_CLOSES_WITHIN}
"""

_TIMER: Final = f"""
select 'ticket ' || t.id as subject,
    format('reserved until %s for order %s, and no timer will end it', t.reserved_until, t.order_id)
        as detail
from tickets t
where t.status = 'reserved' and not exists (
    select from inbox i
    where i.kind = 'ticket' and i.key = t.id and i.message = 'tickets.lapse'
        and i.body ->> 'order_id' = t.order_id and i.parked_at is null
)
union all
select 'order ' || o.id, format('%s until %s, and no timer will end it', o.status, o.expires_at)
from orders o
where {IS_LIVE} and not exists (
    select from inbox i
    where i.kind = 'order' and i.key = o.id and i.message = 'orders.expire' and i.parked_at is null
)
union all
select 'ticket ' || t.id, format('%s, and no timer will end that when event %s starts at %s',
    t.status, t.event_id, t.event_starts_at)
from tickets t
where t.status in ('available', 'reserved') and t.event_starts_at > now() and not exists (
    select from inbox i
    where i.kind = 'ticket' and i.key = t.id and i.message = 'tickets.close'
        and i.body ->> 'event_id' = t.event_id and i.due_at <= t.event_starts_at
        and i.parked_at is null
)
"""

# Events never change, so the copies of them do not either.
_EVENT: Final = """
select 'ticket ' || t.id as subject,
    case when e.id is null then format('for event %s, which does not exist', t.event_id)
    else format('has event %s as %s, which is %s', t.event_id,
        (t.event_name, t.event_category, t.event_venue, t.event_city, t.event_city_key,
            t.event_starts_at, t.event_time_zone),
        (e.name, e.category, e.venue, e.city, e.city_key, e.starts_at, e.time_zone))
    end as detail
from tickets t left join events e on e.id = t.event_id
where t.event_id is not null
    and (t.event_name, t.event_category, t.event_venue, t.event_city, t.event_city_key,
            t.event_starts_at, t.event_time_zone)
        is distinct from
        (e.name, e.category, e.venue, e.city, e.city_key, e.starts_at, e.time_zone)
"""

_SNAPSHOT: Final = """
select 'order ' || o.id as subject, case
    when r.data is null or r.data ->> 'order_id' is distinct from o.id
        then format('version %s of ticket %s does not reserve it', o.ticket_version, o.ticket_id)
    else format(
        'holds %s %s, title "%s", seller %s, buyer %s, until %s;'
        ' reserved was %s %s, title "%s", seller %s, buyer %s, until %s',
        o.price_minor, o.currency, o.title, o.seller_id, o.buyer_id, o.expires_at,
        offer.data ->> 'price_minor', offer.data ->> 'currency', offer.data ->> 'title',
        listed.data ->> 'seller_id', r.data ->> 'buyer_id', (r.data ->> 'until')::timestamptz)
    end as detail
from orders o
left join lateral (
    select j.data from journal j
    where j.kind = 'ticket' and j.key = o.ticket_id and j.version = o.ticket_version
        and j.fact = 'ticket.reserved'
    limit 1
) as r on true
left join lateral (
    select j.data from journal j
    where j.kind = 'ticket' and j.key = o.ticket_id and j.version <= o.ticket_version
        and j.fact in ('ticket.listed', 'ticket.edited')
    order by j.version desc, j.seq desc limit 1
) as offer on true
left join lateral (
    select j.data from journal j
    where j.kind = 'ticket' and j.key = o.ticket_id and j.version = 1 and j.fact = 'ticket.listed'
    limit 1
) as listed on true
where (r.data ->> 'order_id', r.data ->> 'buyer_id', (r.data ->> 'until')::timestamptz)
        is distinct from (o.id, o.buyer_id, o.expires_at)
    or ((offer.data ->> 'price_minor')::bigint, offer.data ->> 'currency', offer.data ->> 'title')
        is distinct from (o.price_minor, o.currency, o.title)
    or listed.data ->> 'seller_id' is distinct from o.seller_id
"""

RULES: Final[dict[str, str]] = {
    "reserved": _RESERVED,
    "live": _LIVE,
    "sold": _SOLD,
    "settled": _SETTLED,
    "one-sale": _ONE_SALE,
    "deadline": _DEADLINE,
    "timer": _TIMER,
    "event": _EVENT,
    "snapshot": _SNAPSHOT,
}
"""The name of each rule, and the query that gives (subject, detail) where it is broken."""
