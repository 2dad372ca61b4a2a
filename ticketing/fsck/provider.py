"""What the payment provider holds, against the orders: nobody pays twice, or for nothing.

The two are not seen at the same instant. So the newest are left out: an order that was completed,
or an intent that was made, within the last seconds may be missing on the other side.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import asyncpg

from ticketing.fsck.violation import Connection, Violation

__all__ = ["books"]

Intents: TypeAlias = Sequence[Mapping[str, Any]]

_ORDERS: Final = """
select o.id, o.status, o.price_minor, o.currency, o.settled_at is not null as is_settled,
    p.status as payment,
    o.ended_at > now() - $2 * interval '1 second' as is_fresh
from orders o left join payments p on p.id = o.id
where o.status = 'complete' or o.id = any($1::text[])
order by o.id
"""


async def books(
    connection: Connection, intents: Intents, *, may_be_open: int, may_be_held: int
) -> list[Violation]:
    """What is wrong between *intents*, as `GET /_sandbox/intents` lists them, and the orders.

    What came about within the last *may_be_open* seconds may be missing on the other side; money
    may be held for *may_be_held* seconds without being taken.
    """
    now = await connection.fetchval("select extract(epoch from now())::float8")
    taken: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for intent in intents:
        if intent["status"] == "succeeded":
            taken[intent["metadata"].get("order_id", "")].append(intent)
    rows = await connection.fetch(_ORDERS, list(taken), may_be_open)
    orders = {row["id"]: row for row in rows}
    return [
        *_paid_for_nothing(taken, orders, now - may_be_open),
        *_not_paid_once(taken, orders.values()),
        *_left_open(intents, now, may_be_held),
    ]


def _paid_for_nothing(
    taken: Mapping[str, Intents], orders: Mapping[str, asyncpg.Record], before: float
) -> Iterable[Violation]:
    for order_id, intents in taken.items():
        order = orders.get(order_id)
        if order is not None and (order["is_settled"] or order["payment"] == "processing"):
            continue  # Complete, or about to be.
        for intent in intents:
            if intent["created"] < before:
                what = "there is none" if order is None else f"it is {order['status']}"
                detail = f"captured {_money(intent)} for order {order_id or '?'}, but {what}"
                yield Violation("paid-for-nothing", f"intent {intent['id']}", detail)


def _not_paid_once(
    taken: Mapping[str, Intents], orders: Iterable[asyncpg.Record]
) -> Iterable[Violation]:
    for order in orders:
        if order["status"] != "complete":
            continue
        intents = taken.get(order["id"], ())
        expected = (order["price_minor"], order["currency"])
        got = [(intent["amount_received"], intent["currency"]) for intent in intents]
        if got == [expected] or (not got and order["is_fresh"]):
            continue
        shown = ", ".join(f"{_money(intent)} ({intent['id']})" for intent in intents)
        detail = f"costs {expected[0]} {expected[1]}, captured was {shown or 'nothing'}"
        yield Violation("paid-once", f"order {order['id']}", detail)


def _left_open(intents: Intents, now: float, may_be_held: int) -> Iterable[Violation]:
    for intent in intents:
        age = now - intent["created"]
        if intent["status"] == "requires_capture" and age >= may_be_held:
            order_id = intent["metadata"].get("order_id", "?")
            detail = (
                f"{intent['amount']} {intent['currency']} held for {age:.0f} s, order {order_id}"
            )
            yield Violation("left-open", f"intent {intent['id']}", detail)


def _money(intent: Mapping[str, Any]) -> str:
    return f"{intent['amount_received']} {intent['currency']}"
