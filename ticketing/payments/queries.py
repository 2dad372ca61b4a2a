"""The reads behind pages, and those of the teller; they wake no actor."""

from collections.abc import Collection
from typing import Final

import msgspec

from ticketing.payments.state import Attempt, Happening, PaymentState
from ticketing.reads import Reads
from ticketing.values import OrderId, UserId

__all__ = ["UnknownCaptures", "attempts_of", "find", "unknown_captures"]

# The two lists are read as text, so that it does not matter what the pool makes of jsonb.
_FIND: Final = """
    select id, version, buyer_id, seller_id, amount_minor, currency, status, attempts_left,
        created_at, attempts::text, timeline::text
    from payments
    where id = $1 and buyer_id = $2
"""

_ATTEMPTS: Final = "select id, attempts::text from payments where id = any($1::text[])"

# The ticket is sold, and for longer than this nobody knows whether the money was taken.
_UNKNOWN: Final = """
    select count(*) as count, coalesce((array_agg(id order by created_at))[:5], '{}') as oldest
    from payments
    where status = 'processing' and created_at < clock_timestamp() - interval '2 minutes'
        and attempts -> -1 ->> 'status' = 'settled'
        and (timeline -> -1 ->> 'at')::timestamptz < clock_timestamp() - interval '2 minutes'
"""

# So many keys in one read.
_KEYS_MAX: Final = 1000

_attempts = msgspec.json.Decoder(tuple[Attempt, ...])
_timeline = msgspec.json.Decoder(tuple[Happening, ...])


async def find(reads: Reads, order_id: OrderId, buyer_id: UserId) -> PaymentState | None:
    """The payment of *order_id*; None unless *buyer_id* made it."""
    row = await reads.row(_FIND, order_id, buyer_id)
    if row is None:
        return None
    fields = dict(row)
    fields["attempts"] = _attempts.decode(fields["attempts"])
    fields["timeline"] = _timeline.decode(fields["timeline"])
    return msgspec.convert(fields, PaymentState)


async def attempts_of(
    reads: Reads, order_ids: Collection[str]
) -> dict[OrderId, tuple[Attempt, ...]]:
    """The attempts of each payment among *order_ids*; those that are no payments are left out."""
    wanted = list(order_ids)
    found: dict[OrderId, tuple[Attempt, ...]] = {}
    for start in range(0, len(wanted), _KEYS_MAX):
        rows = await reads.rows(_ATTEMPTS, wanted[start : start + _KEYS_MAX])
        found |= {OrderId(row["id"]): _attempts.decode(row["attempts"]) for row in rows}
    return found


class UnknownCaptures(msgspec.Struct, frozen=True):
    """How many sold tickets are not paid for as far as anybody knows; the oldest few, by order."""

    count: int
    oldest: tuple[str, ...]


async def unknown_captures(reads: Reads) -> UnknownCaptures:
    """The payments that were settled more than two minutes ago and are not captured yet."""
    row = await reads.row(_UNKNOWN)
    assert row is not None
    return UnknownCaptures(row["count"], tuple(row["oldest"]))
