"""What the house owes its sellers, out of the ledger."""

from typing import Final

import msgspec

from ticketing.reads import Reads
from ticketing.values import UserId

__all__ = ["Balance", "of_seller"]


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One seller's sales in *currency*, all in its minor units.

    `balance` is `proceeds - fees - refunded`: what they are owed.
    """

    currency: str
    proceeds: int
    """What buyers paid, before fees."""
    fees: int
    """What the house keeps of it; of what was given back, nothing."""
    refunded: int
    """What buyers were given back, before fees."""
    balance: int


# A seller's movement and the fee on the same sale add up to what the buyer paid, was given back, or
# was not given back after all: a refund may fail late. A debt is negative in the ledger. Money that
# arrived for nothing never touches a seller.
_OF_SELLER: Final = """
    select s.currency,
        coalesce(-sum(s.delta_minor + coalesce(f.delta_minor, 0))
            filter (where s.cause = 'capture'), 0)::bigint as proceeds,
        coalesce(-sum(f.delta_minor), 0)::bigint as fees,
        coalesce(sum(s.delta_minor + coalesce(f.delta_minor, 0))
            filter (where s.cause <> 'capture'), 0)::bigint as refunded,
        -sum(s.delta_minor)::bigint as balance
    from ledger s
    left join ledger f
        on f.order_id = s.order_id and f.cause = s.cause and f.account = 'fees'
            and f.currency = s.currency
    where s.account = $1
    group by s.currency order by s.currency
"""


async def of_seller(reads: Reads, seller_id: UserId) -> list[Balance]:
    """The balances of *seller_id*, one a currency they have sold in."""
    rows = await reads.rows(_OF_SELLER, f"seller:{seller_id}")
    return [msgspec.convert(dict(row), Balance) for row in rows]
