"""The rules that rows are held against, one query each: a subject and a detail for each violation.

Everything is judged at `now()`, the database's time when the transaction began.
"""

# ruff: noqa: S608 - the queries are put together out of constants

from typing import Final

from ticketing.expiration import WATCHES

__all__ = ["MAY_BE_OPEN", "RULES"]

# How long a pair that two commits close may be open: set for the transaction, in seconds.
MAY_BE_OPEN: Final = "select set_config('fsck.may_be_open', $1, true)"
OPEN: Final = "current_setting('fsck.may_be_open')::interval"

# How late a deadline may be kept.
LATE: Final = "interval '5 seconds'"

# A message that is being worked on, or is tried again soon: it is on its way. A timer is not,
# until it is due.
_ON_ITS_WAY: Final = "i.parked_at is null and (i.due_at <= now() or i.attempts > 0)"

# A stadium's tickets are withdrawn at one instant, in thousands of turns. None is sold meanwhile.
_CLOSES_WITHIN: Final = "interval '1 minute'"

_IS_LIVE: Final = "o.status in ('created', 'awaiting:payment') and o.settled_at is null"


def _told(kind: str, key: str, *messages: str) -> str:
    """Whether one of *messages* is on its way to an actor of *kind*."""
    names = ", ".join(f"'{name}'" for name in messages)
    return f"""exists (
        select from inbox i
        where i.kind = '{kind}' and i.key = {key} and i.message in ({names}) and {_ON_ITS_WAY}
    )"""


def _watched(partition: str) -> str:
    """Whether the watch of *partition* is looking right now: it tells who should act."""
    number = f"({partition} % {WATCHES})::text"
    looking = _told("watch", number, "expiration.look")
    return f"({looking} or {_told('sweeper', number, 'sweeper.sweep')})"


def _changed_at(kind: str, actor: str) -> str:
    """When an actor last recorded something."""
    return f"""(
        select j.at from journal j
        where j.kind = '{kind}' and j.key = {actor}.id and j.version = {actor}.version
        order by j.seq desc limit 1
    )"""


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
    and ({_IS_LIVE} and o.ticket_id = t.id and o.buyer_id = t.buyer_id) is not true
    and coalesce(greatest(t.reserved_at, o.settled_at, o.ended_at) < now() - {OPEN}, true)
    and not (o.id is null
        and ({_told("order", "t.order_id", "orders.adopt")} or {_watched("t.partition")}))
"""

_LIVE: Final = f"""
select 'order ' || o.id as subject,
    format('%s, but ticket %s %s', o.status, o.ticket_id, case
        when t.id is null then 'does not exist'
        when t.order_id is null then 'is ' || t.status
        else format('is %s to order %s', t.status, t.order_id)
    end) as detail
from orders o left join tickets t on t.id = o.ticket_id
where {_IS_LIVE} and t.order_id is distinct from o.id
    and greatest({_changed_at("ticket", "t")}, o.created_at) < now() - {OPEN}
    and not {_told("order", "o.id", "orders.expire", "orders.cancel")}
    and not {_told("payment", "o.id", "payments.declined")}
    and not {_watched("o.partition")}
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
    and coalesce(greatest({_changed_at("ticket", "t")}, o.ended_at) < now() - {OPEN}, true)
    and not ({_IS_LIVE} is true and (
        {_told("payment", "o.id", "payments.authorised", "payments.declined")}
        or {_told("order", "o.id", "orders.settle", "orders.expire", "orders.cancel")}
        or {_watched("o.partition")}))
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
    and greatest(o.settled_at, {_changed_at("ticket", "t")}) < now() - {OPEN}
"""

_ONE_SALE: Final = """
select 'ticket ' || o.ticket_id as subject,
    format('%s complete orders: %s', count(*), string_agg(o.id, ', ' order by o.id)) as detail
from orders o
where o.status = 'complete'
group by o.ticket_id having count(*) > 1
"""

_COMPLETE: Final = f"""
select 'order ' || o.id as subject,
    format('complete, but its payment %s',
        coalesce('is ' || p.status, 'does not exist')) as detail
from orders o left join payments p on p.id = o.id
where o.status = 'complete' and p.status is distinct from 'captured'
    and coalesce(greatest(o.ended_at, {_changed_at("payment", "p")}) < now() - {OPEN}, true)
"""

_CAPTURED: Final = f"""
select 'payment ' || p.id as subject,
    format('captured, but its order %s', coalesce('is ' || o.status, 'does not exist')) as detail
from payments p left join orders o on o.id = p.id
where p.status = 'captured' and o.status is distinct from 'complete'
    and coalesce(greatest({_changed_at("payment", "p")}, o.ended_at) < now() - {OPEN}, true)
    and not (o.id is not null and {_told("order", "p.id", "orders.complete")})
"""

# A payment that is being processed lives on one message: to its teller, or from it.
_STUCK: Final = f"""
select 'payment ' || p.id as subject, 'processing, and no message will move it on' as detail
from payments p
where p.status = 'processing'
    and coalesce({_changed_at("payment", "p")} < now() - {OPEN}, true)
    and not exists (
        select from inbox i
        where i.kind in ('payment', 'teller') and i.key = p.id and i.parked_at is null
    )
union all
select 'order ' || o.id,
    format('settled, but its payment %s', coalesce('is ' || p.status, 'does not exist'))
from orders o left join payments p on p.id = o.id
where o.settled_at is not null and o.status = 'awaiting:payment'
    and (p.status in ('processing', 'requires_action', 'captured')) is not true
    and o.settled_at < now() - {OPEN}
"""

_DEADLINE: Final = f"""
select 'ticket ' || t.id as subject,
    format('reserved until %s, %s ago', t.reserved_until, now() - t.reserved_until) as detail
from tickets t
where t.status = 'reserved' and t.reserved_until < now() - {LATE}
union all
select 'order ' || o.id, format('expires at %s, %s ago', o.expires_at, now() - o.expires_at)
from orders o
where {_IS_LIVE} and o.expires_at < now() - {LATE}
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
where {_IS_LIVE} and not exists (
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

_PAYMENT: Final = """
select 'payment ' || p.id as subject,
    case when o.id is null then 'there is no such order' else format(
        '%s %s from buyer %s to seller %s; its order says %s %s from buyer %s to seller %s',
        p.amount_minor, p.currency, p.buyer_id, p.seller_id,
        o.price_minor, o.currency, o.buyer_id, o.seller_id) end as detail
from payments p left join orders o on o.id = p.id
where (p.amount_minor, p.currency, p.buyer_id, p.seller_id)
    is distinct from (o.price_minor, o.currency, o.buyer_id, o.seller_id)
"""

_LEDGER: Final = """
select 'order ' || l.order_id as subject,
    format('its movements sum to %s %s', sum(l.delta_minor), l.currency) as detail
from ledger l
group by l.order_id, l.currency having sum(l.delta_minor) <> 0
"""

# The provider has the money, once; the seller and the house have a claim on it, and nobody else.
_MOVEMENTS: Final = """
with moved as (
    select l.order_id,
        string_agg(format('%s %s %s %s', l.cause, l.account, l.delta_minor, l.currency), ', '
            order by l.cause, l.account) as shown,
        sum(l.delta_minor) filter (where l.account = 'provider') as held,
        sum(l.delta_minor) filter (where l.cause = 'capture' and l.account = 'provider') as taken,
        sum(l.delta_minor) filter (where l.cause = 'capture' and l.account <> 'provider') as claims,
        max(l.delta_minor) filter (where l.cause = 'capture' and l.account <> 'provider') as most,
        array_agg(l.account::text) filter (where l.account not in ('provider', 'fees')) as sellers,
        min(l.currency) as currency, count(distinct l.currency) as currencies
    from ledger l
    group by l.order_id
)
select 'payment ' || coalesce(p.id, m.order_id) as subject, case
    when p.id is null then format('not captured, but the ledger has %s', m.shown)
    else format('%s %s %s from seller %s, but the ledger has %s', p.status, p.amount_minor,
        p.currency, p.seller_id, coalesce(m.shown, 'nothing'))
    end as detail
from (select * from payments where status in ('captured', 'refunded')) as p
full join moved m on m.order_id = p.id
where (m.taken, m.claims, m.currency, m.currencies)
        is distinct from (p.amount_minor, -p.amount_minor, p.currency, 1)
    or m.held <> case p.status when 'captured' then p.amount_minor else 0 end
    or m.most > 0
    or not (coalesce(m.sellers, '{}') <@ array['seller:' || p.seller_id])
"""

RULES: Final[dict[str, str]] = {
    "reserved": _RESERVED,
    "live": _LIVE,
    "sold": _SOLD,
    "settled": _SETTLED,
    "one-sale": _ONE_SALE,
    "complete": _COMPLETE,
    "captured": _CAPTURED,
    "stuck": _STUCK,
    "deadline": _DEADLINE,
    "timer": _TIMER,
    "event": _EVENT,
    "snapshot": _SNAPSHOT,
    "payment": _PAYMENT,
    "ledger": _LEDGER,
    "movements": _MOVEMENTS,
}
"""The name of each rule, and the query that gives (subject, detail) where it is broken."""
