"""How late reservations lapsed, by the journal."""

from typing import Any, Final

from benchmarks.site import Site

__all__ = ["latest"]

# Of tickets: by the journal, to which the turn's own time goes. Of orders: by the row.
_LATE: Final = """
with late as (
    select extract(epoch from j.at - (r.data->>'until')::timestamptz)::float8 as seconds
    from journal j
    join journal r on r.kind = j.kind and r.key = j.key and r.fact = 'ticket.reserved'
        and r.data->>'order_id' = j.data->>'order_id'
    where j.fact = 'ticket.released' and j.data->>'reason' = 'lapsed' and j.at >= $1
    union all
    select extract(epoch from ended_at - expires_at)::float8
    from orders where cancel_reason = 'expired' and ended_at >= $1
)
select count(*) as count, coalesce(max(seconds), 0) as latest from late
"""


async def latest(site: Site, since: Any) -> tuple[int, float]:
    """How many reservations and orders lapsed since the database's time *since*, and the latest."""
    (row,) = await site.fetch(_LATE, since)
    return row["count"], row["latest"]
