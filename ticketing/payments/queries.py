"""The reads behind pages; they wake no actor."""

from typing import Final

import msgspec

from ticketing.payments.state import Attempt, Happening, PaymentState
from ticketing.reads import Reads
from ticketing.values import OrderId, UserId

__all__ = ["find"]

# The two lists are read as text, so that it does not matter what the pool makes of jsonb.
_FIND: Final = """
    select id, version, buyer_id, seller_id, amount_minor, currency, status, attempts_left,
        created_at, attempts::text, timeline::text
    from payments
    where id = $1 and buyer_id = $2
"""

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
