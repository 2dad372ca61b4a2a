"""What the payment provider holds, against the orders: nobody pays twice, or for nothing.

The two are not seen at the same instant. So the newest are left out: an order that was completed,
or an intent that was made, within the last seconds may be missing on the other side.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import asyncpg

from ticketing.fsck.fragments import changed_at
from ticketing.fsck.violation import Connection, Violation

__all__ = ["books"]

Intents: TypeAlias = Sequence[Mapping[str, Any]]

# A payment that changed just now, or is still under way, may be a step behind or ahead.
_ORDERS: Final = f"""
select o.id, o.status, o.price_minor, o.currency, o.cancel_reason,
    o.settled_at is not null and o.status <> 'cancelled' as is_settled,
    extract(epoch from o.expires_at)::float8 as expires_at,
    extract(epoch from o.ended_at)::float8 as ended_at,
    coalesce(o.ended_at > now() - $2 * interval '1 second', false) as is_fresh,
    coalesce({changed_at("payment", "p")} > now() - $2 * interval '1 second', false)
        or exists (
            select from jsonb_array_elements(p.attempts) as a where a ->> 'status' in
                ('started', 'action_required', 'authorised', 'settled', 'voiding', 'refunding')
        ) as is_moving,
    coalesce((
        select sum(l.delta_minor) from ledger l where l.order_id = o.id and l.account = 'provider'
    ), 0)::bigint as booked
from orders o left join payments p on p.id = o.id
where o.status = 'complete' or o.id = any($1::text[])
    or exists (select from ledger l where l.order_id = o.id)
order by o.id
"""  # noqa: S608 - put together out of constants


@dataclass(frozen=True)
class _Books:
    """Both sides, and how late one may be behind the other, in seconds."""

    by_order: Mapping[str, Intents]
    orders: Mapping[str, asyncpg.Record]
    now: float
    may_be_open: int
    may_be_held: int


async def books(
    connection: Connection, intents: Intents, *, may_be_open: int, may_be_held: int
) -> list[Violation]:
    """What is wrong between *intents*, as `GET /_sandbox/intents` lists them, and the orders.

    What came about within the last *may_be_open* seconds may be missing on the other side; money
    may be held for *may_be_held* seconds without being taken, and a card holder may be waited for
    so long after the order has ended.
    """
    by_order: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for intent in intents:
        by_order[intent["metadata"].get("order_id", "")].append(intent)
    rows = await connection.fetch(_ORDERS, list(by_order), may_be_open)
    now = await connection.fetchval("select extract(epoch from now())::float8")
    orders = {row["id"]: row for row in rows}
    found = _Books(by_order, orders, now, may_be_open, may_be_held)
    return [
        *_paid_for_nothing(found),
        *_not_paid_once(found),
        *_not_agreed(found),
        *_left_open(found),
        *_left_waiting(found),
    ]


def _paid_for_nothing(found: _Books) -> Iterable[Violation]:
    """Captured, not given back, and there is no order for it."""
    for order_id, intents in found.by_order.items():
        order = found.orders.get(order_id)
        if order is not None and (order["is_settled"] or order["is_moving"]):
            continue  # Complete, or about to be; or on its way back.
        for intent in intents:
            if _kept(intent) and intent["created"] < found.now - found.may_be_open:
                what = "there is none" if order is None else f"it is {order['status']}"
                detail = f"captured {_money(intent)} for order {order_id or '?'}, but {what}"
                yield Violation("paid-for-nothing", f"intent {intent['id']}", detail)


def _not_paid_once(found: _Books) -> Iterable[Violation]:
    """A complete order has one capture of its price, and of that nothing was given back."""
    for order in found.orders.values():
        if order["status"] != "complete" or order["is_moving"]:
            continue
        intents = [each for each in found.by_order.get(order["id"], ()) if _kept(each)]
        expected = (order["price_minor"], order["currency"])
        got = [(_kept(intent), intent["currency"]) for intent in intents]
        if got == [expected] or (order["is_fresh"] and not got):
            continue
        shown = ", ".join(f"{_money(intent)} ({intent['id']})" for intent in intents)
        detail = f"costs {expected[0]} {expected[1]}, captured was {shown or 'nothing'}"
        yield Violation("paid-once", f"order {order['id']}", detail)


def _not_agreed(found: _Books) -> Iterable[Violation]:
    """The ledger says of each order what the provider has of it, to the cent."""
    for order in found.orders.values():
        kept = sum(_kept(intent) for intent in found.by_order.get(order["id"], ()))
        if kept != order["booked"] and not order["is_moving"] and not order["is_fresh"]:
            detail = f"the provider keeps {kept} {order['currency']}, booked are {order['booked']}"
            yield Violation("books", f"order {order['id']}", detail)


def _left_open(found: _Books) -> Iterable[Violation]:
    """Money is held, and neither taken nor let go."""
    for order_id, intents in found.by_order.items():
        for intent in intents:
            age = found.now - intent["created"]  # When it was authorised is not told.
            if intent["status"] == "requires_capture" and age >= found.may_be_held:
                money = f"{intent['amount']} {intent['currency']}"
                detail = f"{money} held for {age:.0f} s, order {order_id or '?'}"
                yield Violation("left-open", f"intent {intent['id']}", detail)


def _left_waiting(found: _Books) -> Iterable[Violation]:
    """The card holder may still act, though the order has ended."""
    for order_id, intents in found.by_order.items():
        order = found.orders.get(order_id)
        for intent in intents:
            if intent["status"] != "requires_action":
                continue
            ended_at = intent["created"] if order is None else order["ended_at"]
            since = order["expires_at"] if order is not None and ended_at is None else ended_at
            if found.now - since >= found.may_be_held:
                detail = f"requires action {found.now - since:.0f} s after order {order_id or '?'}"
                yield Violation("left-waiting", f"intent {intent['id']}", f"{detail} ended")


def _kept(intent: Mapping[str, Any]) -> int:
    """What of the buyer's money the provider has taken and not given back, in minor units."""
    kept: int = intent["amount_received"] - intent.get("amount_refunded", 0)
    return kept if intent["status"] == "succeeded" else 0


def _money(intent: Mapping[str, Any]) -> str:
    return f"{_kept(intent)} {intent['currency']}"
