"""The rules about payments and the ledger, one query each, as those of `queries`.

A payment's attempts are rows here: what each of them has taken, where it stands, and what it waits
for. An attempt that is under way lives on one message, to its teller or from it.
"""

# ruff: noqa: S608 - the queries are put together out of constants

from collections.abc import Mapping
from typing import Final

from ticketing.fsck.fragments import IS_LIVE, OPEN, changed_at, told

__all__ = ["RULES"]

# What moves an attempt on from where it stands. Another attempt may do it when it takes its place.
_MOVED_ON_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "started": (
        "teller.authorise",
        "teller.look",
        "payments.authorised",
        "payments.action_required",
        "payments.declined",
        "payments.not_sent",
        "payments.taken_anyway",
    ),
    "settled": (
        "teller.capture",
        "payments.captured",
        "payments.capture_impossible",
        "payments.taken_anyway",
    ),
    "voiding": ("teller.void", "teller.authorise", "payments.voided", "payments.taken_anyway"),
    "refunding": (
        "teller.give_back",
        "teller.look_at_refund",
        "payments.refunded",
        "payments.refund_failed",
    ),
}

_MOVES: Final = ", ".join(
    f"('{status}', '{message}')" for status, words in _MOVED_ON_BY.items() for message in words
)
_UNDER_WAY: Final = ", ".join(f"'{status}'" for status in (*_MOVED_ON_BY, "authorised"))

# Attempts by the id of their payment. What an older release wrote has less in it.
_ATTEMPTS: Final = """
    select p.id, p.version, p.seller_id, p.amount_minor, p.currency,
        a ->> 'status' as status,
        (a ->> 'number')::int as number,
        coalesce((a ->> 'taken_minor')::bigint, 0) as taken,
        coalesce((a ->> 'fee_minor')::bigint, 0) as fee,
        coalesce((a ->> 'is_sale')::bool, false) as is_sale
    from payments p cross join lateral jsonb_array_elements(p.attempts) as a
"""

_COMPLETE: Final = f"""
select 'order ' || o.id as subject,
    format('complete, but its payment %s', case
        when p.id is null then 'does not exist'
        when p.status <> 'captured' then 'is ' || p.status
        else format('has sales that are %s', coalesce(sales.shown, 'none'))
    end) as detail
from orders o left join payments p on p.id = o.id
left join lateral (
    select string_agg(a ->> 'status', ', ') as shown
    from jsonb_array_elements(p.attempts) as a where (a ->> 'is_sale')::bool
) as sales on true
where o.status = 'complete' and (p.status = 'captured' and sales.shown = 'captured') is not true
    and coalesce(greatest(o.ended_at, {changed_at("payment", "p")}) < now() - {OPEN}, true)
    and not {told("order", "o.id", "orders.refund")}
"""

# Who gets money back, or could not get it back, has his own rules below.
_CAPTURED: Final = f"""
select 'payment ' || p.id as subject,
    format('captured, but its order %s', case
        when o.id is null then 'does not exist'
        when o.cancel_reason is null then 'is ' || o.status
        else format('is cancelled (%s)', o.cancel_reason)
    end) as detail
from payments p left join orders o on o.id = p.id
where p.status = 'captured' and o.status is distinct from 'complete'
    and o.cancel_reason is distinct from 'refunded'
    and (p.attempts -> -1 ->> 'status' = 'refund_failed'
        or p.attempts -> -1 ->> 'status' = 'refunding'
            and (p.attempts -> -1 ->> 'is_sale')::bool is not true) is not true
    and coalesce(greatest({changed_at("payment", "p")}, o.ended_at) < now() - {OPEN}, true)
    and not (o.id is not null and {told("order", "p.id", "orders.complete")})
"""

# The payment is the first to know of a refund.
_REFUNDED: Final = f"""
select 'order ' || o.id as subject,
    format('refunded, but its payment %s', case
        when p.id is null then 'does not exist'
        else format('is %s, its last attempt %s', p.status, p.attempts -> -1 ->> 'status')
    end) as detail
from orders o left join payments p on p.id = o.id
where o.cancel_reason = 'refunded'
    and (p.attempts -> -1 ->> 'status' in ('refunding', 'refunded', 'refund_failed')) is not true
union all
select 'payment ' || p.id, format('refunded, but its order %s', case
    when o.id is null then 'does not exist'
    when o.cancel_reason is null then 'is ' || o.status
    else format('is cancelled (%s)', o.cancel_reason)
end)
from ({_ATTEMPTS}) as p left join orders o on o.id = p.id
where p.is_sale and p.status in ('refunding', 'refunded', 'refund_failed')
    and o.cancel_reason is distinct from 'refunded'
    and coalesce(greatest({changed_at("payment", "p")}, o.ended_at) < now() - {OPEN}, true)
    and not {told("order", "p.id", "orders.refund")}
"""

# Nobody but a person can do anything about it: so it is told until somebody has.
_REFUND_FAILED: Final = f"""
select 'payment ' || p.id as subject,
    format('%s %s could not be given back (attempt %s)', p.taken, p.currency, p.number) as detail
from ({_ATTEMPTS}) as p
where p.status = 'refund_failed'
"""

_STUCK: Final = f"""
select 'payment ' || p.id as subject,
    format('attempt %s is %s, and no message will move it on', p.number, p.status) as detail
from ({_ATTEMPTS}) as p
where p.status in ({_UNDER_WAY})
    and coalesce({changed_at("payment", "p")} < now() - {OPEN}, true)
    and not exists (
        select from inbox i
        join (values {_MOVES}) as m (status, message) on m.message = i.message
        where i.kind in ('payment', 'teller') and i.key = p.id and i.parked_at is null
            and m.status = p.status
            and p.number::text in (i.body ->> 'number', i.body ->> 'replaces_number')
    )
union all
select 'payment ' || p.id, 'processing, and no attempt is under way'
from payments p
where p.status = 'processing'
    and not exists (select from ({_ATTEMPTS}) as a where a.id = p.id and a.status in ({_UNDER_WAY}))
union all
select 'order ' || o.id,
    format('settled, but its payment %s', coalesce('is ' || p.status, 'does not exist'))
from orders o left join payments p on p.id = o.id
where o.settled_at is not null and o.status = 'awaiting:payment'
    and (p.status in ('processing', 'requires_action', 'captured')) is not true
    and o.settled_at < now() - {OPEN}
    and not {told("payment", "o.id", "payments.found_sold")}
"""

# The card holder may still act, for a ticket that cannot be had any more.
_ABANDONED: Final = f"""
select 'payment ' || p.id as subject,
    format('attempt %s waits for the card holder, but its order %s', p.number, case
        when o.id is null then 'does not exist'
        when o.cancel_reason is null then 'is ' || o.status
        else format('is cancelled (%s)', o.cancel_reason)
    end) as detail
from ({_ATTEMPTS}) as p left join orders o on o.id = p.id
where p.status = 'action_required' and ({IS_LIVE}) is not true
    and coalesce(greatest(o.ended_at, {changed_at("payment", "p")}) < now() - {OPEN}, true)
    and not {
    told(
        "payment",
        "p.id",
        "payments.abandon",
        "payments.authorised",
        "payments.declined",
        "payments.taken_anyway",
    )
}
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
    format('its movements %s sum to %s %s', coalesce('of ' || l.cause, 'in all'),
        sum(l.delta_minor), l.currency) as detail
from ledger l
group by grouping sets ((l.order_id, l.currency), (l.order_id, l.currency, l.cause))
having sum(l.delta_minor) <> 0
"""

# The provider has the money of a sale, once; the seller and the house have a claim on it. What was
# taken for nothing is the buyer's. All of it is gone when it was given back.
_MOVEMENTS: Final = f"""
with moved as (
    select p.id, p.currency, p.status = 'refunded' as is_gone, share.account, share.delta,
        case when p.is_sale then 'capture' else 'taken:' || p.number end as cause
    from ({_ATTEMPTS}) as p cross join lateral (values
        ('provider', p.taken),
        (case when p.is_sale then 'seller:' || p.seller_id else 'suspense' end, p.fee - p.taken),
        ('fees', -p.fee)
    ) as share (account, delta)
    where share.delta <> 0
),
should as (
    select id, cause, account, currency, delta from moved
    union all
    select id, 'in all', account, currency, coalesce(sum(delta) filter (where not is_gone), 0)
    from moved group by id, account, currency
),
booked as (
    select order_id as id, cause, account, currency, delta_minor as delta
    from ledger where cause = 'capture' or cause like 'taken:%'
    union all
    select order_id, 'in all', account, currency, sum(delta_minor)
    from ledger group by order_id, account, currency
)
select 'payment ' || id as subject,
    string_agg(format('%s %s: the ledger has %s %s, the payment makes it %s', cause, account,
        coalesce(b.delta, 0), currency, coalesce(s.delta, 0)), '; ' order by cause, account)
        as detail
from should s full join booked b using (id, cause, account, currency)
where coalesce(s.delta, 0) <> coalesce(b.delta, 0)
group by id
"""

RULES: Final[dict[str, str]] = {
    "complete": _COMPLETE,
    "captured": _CAPTURED,
    "refunded": _REFUNDED,
    "refund-failed": _REFUND_FAILED,
    "stuck": _STUCK,
    "abandoned": _ABANDONED,
    "payment": _PAYMENT,
    "ledger": _LEDGER,
    "movements": _MOVEMENTS,
}
"""The name of each rule, and the query that gives (subject, detail) where it is broken."""
