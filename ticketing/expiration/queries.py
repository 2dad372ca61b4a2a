"""What the sweeper looks for. Each query names actors that should have acted by themselves."""

from typing import Final

__all__ = ["LET_GO", "OVERDUE_ORDERS", "OVERDUE_TICKETS", "STARTED", "UNORDERED", "UNSETTLED"]

# How long an actor may be late before the sweeper steps in: well above what a loaded machine
# takes, well below what a buyer would notice.
GRACE: Final = "interval '5 seconds'"

# A look repairs at most so many at a time; the next look, seconds later, goes on.
LIMIT: Final = "1000"

OVERDUE_TICKETS: Final = f"""
select id, order_id from tickets
where status = 'reserved' and reserved_until < clock_timestamp() - {GRACE} and partition % $2 = $1
limit {LIMIT}
"""  # noqa: S608 - constants

# Their event has started, and they are still for sale.
STARTED: Final = f"""
select id, event_id from tickets
where status = 'available' and event_starts_at < clock_timestamp() - {GRACE} and partition % $2 = $1
limit {LIMIT}
"""  # noqa: S608 - constants

OVERDUE_ORDERS: Final = f"""
select id from orders
where status in ('created', 'awaiting:payment') and settled_at is null
    and expires_at < clock_timestamp() - {GRACE} and partition % $2 = $1
limit {LIMIT}
"""  # noqa: S608 - constants

# The process died between the ticket's commit and the order's.
UNORDERED: Final = f"""
select t.id as ticket_id, t.version as ticket_version, t.order_id, t.buyer_id, t.seller_id,
       t.title, t.price_minor, t.currency, t.reserved_until as until
from tickets t
where t.status = 'reserved' and t.reserved_at < clock_timestamp() - {GRACE}
    and t.partition % $2 = $1
    and not exists (select from orders o where o.id = t.order_id)
limit {LIMIT}
"""  # noqa: S608 - constants

# The same, between the ticket's sale and the order's settlement.
UNSETTLED: Final = f"""
select o.id from orders o join tickets t on t.id = o.ticket_id and t.order_id = o.id
where o.status in ('created', 'awaiting:payment') and o.settled_at is null
    and t.status = 'sold' and o.expires_at < clock_timestamp() + interval '1 day'
    and o.partition % $2 = $1
    and not exists (select from inbox i where i.kind = 'payment' and i.key = o.id)
limit {LIMIT}
"""  # noqa: S608 - constants

# The same, between the ticket's release and the order's cancellation, and the buyer who wanted that
# did not come back to ask again. (A payment that failed for good does; an order whose time is up
# expires.)
LET_GO: Final = f"""
select o.id from orders o join tickets t on t.id = o.ticket_id
where o.status in ('created', 'awaiting:payment') and o.settled_at is null
    and o.expires_at > clock_timestamp()
    and t.order_id is distinct from o.id and o.partition % $2 = $1
    and not exists (select from inbox i where i.kind = 'payment' and i.key = o.id)
    and exists (
        select from journal j
        where j.kind = 'ticket' and j.key = t.id and j.version = t.version
            and j.at < clock_timestamp() - {GRACE}
    )
limit {LIMIT}
"""  # noqa: S608 - constants
