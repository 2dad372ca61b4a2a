"""What must be true when everything has come to its end: our books and the provider's, compared.

This reads both sides for itself; `fsck`, which has its own way to look, is asked apart.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tests.money.world import MoneyWorld

__all__ = ["ORDERS", "STUCK", "Counts", "compare", "judge"]

ORDERS = """
select o.id, o.ticket_id, o.status, o.cancel_reason, o.price_minor, o.currency,
    p.status as payment,
    t.status = 'sold' and t.order_id = o.id as has_ticket,
    coalesce((select sum(l.delta_minor) from ledger l
        where l.order_id = o.id and l.account = 'provider'), 0)::bigint as booked,
    coalesce((select sum(l.delta_minor) from ledger l where l.order_id = o.id), 0)::bigint as rest,
    (select j.fact from journal j where j.kind = 'order' and j.key = o.id
        and j.fact not in ('order.cancelled', 'order.completed')
        order by j.version desc, j.seq desc limit 1) = 'order.payment_begun' as was_paying
from orders o join tickets t on t.id = o.ticket_id left join payments p on p.id = o.id
"""
_OPEN = frozenset({"requires_capture", "requires_action"})

STUCK = "select id, status from tickets where status = 'reserved'"


@dataclass(frozen=True)
class Counts:
    """What happened in a run."""

    orders: int
    complete: int
    captures: int
    refunds: int
    lapsed: int
    lapsed_while_paying: int
    cancelled: int
    kills: int
    kills_between: int
    """Deaths that came when money was authorised that was captured later."""

    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in vars(self).items())


async def judge(world: MoneyWorld) -> Counts:
    """Hold both books against each other.

    Raises:
        AssertionError: somebody paid for nothing, or got something for nothing.

    """
    intents = await world.sandbox.held()
    orders = await world.rows(ORDERS)
    compare(orders, intents)
    assert await world.rows(STUCK) == []
    kills_between = await world.kills_between()
    return _count(orders, intents, world.deaths, kills_between)


def compare(orders: Collection[Mapping[str, Any]], intents: list[dict[str, Any]]) -> None:
    """Hold our books, the rows that `ORDERS` selects, against what the provider holds.

    Raises:
        AssertionError: as `judge`.

    """
    kept = _kept(intents)
    strangers = kept.keys() - {order["id"] for order in orders}
    assert not strangers, f"the provider has money for {strangers}"
    for order in orders:
        _judge_order(order, kept[order["id"]])
    assert sum(sum(each) for each in kept.values()) == sum(each["booked"] for each in orders)
    still_open = [each for each in intents if each["status"] in _OPEN]
    assert not still_open, still_open
    sold = [each["ticket_id"] for each in orders if each["status"] == "complete"]
    assert len(sold) == len(set(sold)), "a ticket was sold twice"


def _kept(intents: list[dict[str, Any]]) -> defaultdict[str, list[int]]:
    """What was captured and not given back, by order, an entry an intent."""
    kept: defaultdict[str, list[int]] = defaultdict(list)
    for intent in intents:
        left = intent["amount_received"] - intent["amount_refunded"]
        assert left in {0, intent["amount_received"]}, f"given back in part: {intent}"
        if left:
            kept[intent["metadata"]["order_id"]].append(left)
    return kept


def _judge_order(order: Mapping[str, Any], kept: list[int]) -> None:
    assert order["status"] in {"complete", "cancelled"}, f"stuck: {order}"
    is_complete = order["status"] == "complete"
    assert kept == ([order["price_minor"]] if is_complete else []), (order, kept)
    assert order["booked"] == sum(kept), (order, kept)
    assert order["rest"] == 0, order
    assert order["has_ticket"] == is_complete, order
    if is_complete:
        assert order["payment"] == "captured", order
    else:
        assert order["payment"] in {None, "declined", "voided", "refunded"}, order


def _count(
    orders: Collection[Mapping[str, Any]],
    intents: list[dict[str, Any]],
    kills: int,
    kills_between: int,
) -> Counts:
    expired = [each for each in orders if each["cancel_reason"] == "expired"]
    return Counts(
        orders=len(orders),
        complete=sum(each["status"] == "complete" for each in orders),
        captures=sum(each["amount_received"] > 0 for each in intents),
        refunds=sum(each["amount_refunded"] > 0 for each in intents),
        lapsed=len(expired),
        lapsed_while_paying=sum(each["was_paying"] for each in expired),
        cancelled=sum(each["cancel_reason"] == "user" for each in orders),
        kills=kills,
        kills_between=kills_between,
    )
