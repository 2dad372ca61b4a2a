"""The provider at its worst, one fault at a time, through the whole product; then the books.

Each case is an order of its own and all are paid at the same moment, so that they disturb each
other as they would on a bad day. What many faults at once and killed processes do is in
tests/money; what answers around the deadline do is in tests/money/test_race.py.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from tests.functional.provider import ASKS, answers_bank, deliver, event, intent_of, is_asked
from tests.functional.running_site import Answer, Program, Site, call
from tests.functional.test_three_d_secure import confirms
from tests.support import sandbox, wait

Json = dict[str, Any]

EVERY_TRY: Final = 3
"""As often as the transport tries a call by itself."""

CERTAINLY_OURS: Final = {"Authorization": f"Bearer {sandbox.TEST_KEY}"}

_SERVER_ERRORS: Final = (
    {"status": 500}, {"status": 500, "effect": True}, {"status": 502},
    {"status": 502, "effect": True},
)  # fmt: skip

FAULTS: Final[dict[str, Json]] = {
    "nothing": {"kind": "delay", "seconds": 0.0},
    "slow": {"kind": "delay", "seconds": 3.0},
    "held back": {"kind": "hold", "seconds": 2.0},
    "lost before": {"kind": "drop_before"},
    "lost before, every try": {"kind": "drop_before", "times": EVERY_TRY},
    "lost after": {"kind": "drop_after"},
    "lost after, every try": {"kind": "drop_after", "times": EVERY_TRY},
    "cut in the middle": {"kind": "truncate", "times": EVERY_TRY},
    "in use": {"kind": "status", "status": 409, "times": EVERY_TRY},
    "too many": {"kind": "status", "status": 429, "times": EVERY_TRY},
    **{
        " ".join(f"{value}" for value in fault.values()): {"kind": "status", **fault}
        for fault in _SERVER_ERRORS
    },
}


async def test_whatever_happens_on_the_way_each_order_is_paid_once(site: Site) -> None:
    cases = {
        f"{operation}: {name}": {"operation": operation, **fault}
        for operation in ("create", "capture")
        for name, fault in FAULTS.items()
    }
    orders = [await _order(site) for _ in cases]
    await _script(
        site,
        *(
            {**fault, "order": order["id"]}
            for (_, order), fault in zip(orders, cases.values(), strict=True)
        ),
    )
    answers = await asyncio.gather(*(buyer.pays(order) for buyer, order in orders))
    assert {answer.status for answer in answers} <= {201, 202}
    ends = await asyncio.gather(*(_end(buyer, order) for buyer, order in orders))
    assert dict(zip(cases, ends, strict=True)) == dict.fromkeys(cases, "complete")
    await _books_agree(site, [order for _, order in orders], captured=1)


async def test_what_is_told_twice_late_never_or_backwards_is_told_once(site: Site) -> None:
    hints: dict[str, Json] = {
        "twice": {"kind": "repeat", "copies": 5},
        "late": {"kind": "delay", "seconds": 1.0},
        "never": {"kind": "lose"},
        "backwards": {"kind": "reverse"},
    }
    asked = [(buyer, *await is_asked(buyer)) for buyer in (site.program() for _ in hints)]
    await _script(
        site,
        *(
            {"operation": "webhook", "times": 9, **fault, "order": order["id"]}
            for (_, order, _), fault in zip(asked, hints.values(), strict=True)
        ),
    )
    for buyer, order, secret in asked:
        await answers_bank(site, secret)
        answer = await confirms(buyer, order)
        assert answer.status == 201, answer.body
    await _books_agree(site, [order for _, order, _ in asked], captured=1)


async def test_a_webhook_before_our_own_answer(site: Site) -> None:
    buyer, order = await _order(site)
    held = {"operation": "create", "kind": "hold", "seconds": 1.0, "order": order["id"]}
    await _script(site, held)
    paying = _under_way(buyer, order)
    intent = await _held(site, order)
    told = event(order, intent=intent["id"])
    assert (await deliver(site, told)).status == 200
    assert (await paying).status == 201
    await _books_agree(site, [order], captured=1)


async def test_a_cancel_while_the_bank_thinks_is_void(site: Site) -> None:
    buyer, order = await _order(site)
    held = {"operation": "create", "kind": "hold", "seconds": 1.5, "order": order["id"]}
    await _script(site, held)
    paying = _under_way(buyer, order)
    await _held(site, order)
    assert (await buyer.call("DELETE", f"/api/orders/{order['id']}")).status == 204
    paid = await paying
    assert (paid.status, paid.body["code"]) == (409, "order_cancelled")
    await _books_agree(site, [order], captured=0)


async def test_an_authorisation_that_vanishes_before_its_capture_undoes_the_sale(
    site: Site,
) -> None:
    seller = site.program()
    buyer, ticket = site.program(), await seller.sells()
    order = await buyer.buys(ticket)
    # The capture is cut off before anything is executed, until the bank has taken its word back.
    cut = {"operation": "capture", "kind": "drop_before", "times": 99, "order": order["id"]}
    await _script(site, cut)
    paying = _under_way(buyer, order)

    async def sold() -> bool:
        shown = await site.call("GET", f"/api/tickets/{ticket['id']}")
        return bool(shown.body["status"] == "sold")

    await wait.until(sold, "the ticket is sold")
    [intent] = await _intents(site, order)
    await _provider(site, f"/v1/payment_intents/{intent['id']}/cancel")
    await _script(site)
    paid = await paying
    assert (paid.status, paid.body["code"]) in {(409, "order_cancelled"), (202, None)}
    assert await _end(buyer, order) == "cancelled"
    shown = (await buyer.call("GET", f"/api/orders/{order['id']}")).body
    assert shown["cancelReason"] == "payment_failed"
    free = (await site.call("GET", f"/api/tickets/{ticket['id']}")).body
    assert free["status"] == "available"
    await _books_agree(site, [order], captured=0)
    other = site.program()
    assert (await other.pays(await other.buys(ticket))).status == 201


async def test_money_that_is_taken_behind_our_back_goes_back(site: Site) -> None:
    buyer, order = await _order(site)
    held = {"operation": "create", "kind": "hold", "seconds": 1.5, "order": order["id"]}
    await _script(site, held)
    paying = _under_way(buyer, order)
    intent = await _held(site, order)
    assert (await buyer.call("DELETE", f"/api/orders/{order['id']}")).status == 204
    await _provider(site, f"/v1/payment_intents/{intent['id']}/capture")
    await paying

    async def is_back() -> bool:
        [now] = await _intents(site, order)
        given_back: bool = now["amount_refunded"] == now["amount_received"] > 0
        return given_back

    await wait.until(is_back, "the money is back")
    await _payment_is(buyer, order, "refunded")
    await _books_agree(site, [order], captured=1)


async def test_another_amount_is_never_completed(site: Site) -> None:
    """Somebody with our key changes what is held: it is given back and the sale is undone."""
    buyer, order = await _order(site)
    held = {"operation": "create", "kind": "hold", "seconds": 1.5, "order": order["id"]}
    await _script(site, held)
    paying = _under_way(buyer, order)
    intent = await _held(site, order)
    await _provider(
        site, f"/v1/payment_intents/{intent['id']}/capture", {"amount_to_capture": "1999"}
    )
    await paying
    assert await _end(buyer, order) == "cancelled"
    await _payment_is(buyer, order, "refunded")
    await _books_agree(site, [order], captured=1)


async def test_two_tabs_at_the_bank_pay_once(site: Site) -> None:
    buyer = site.program()
    order, first = await is_asked(buyer)
    second = (await buyer.pays(order, ASKS)).body["clientSecret"]
    late = await _answer(site, first)
    assert late.status != 200, "the first tab's intent was let go of"
    await answers_bank(site, second)
    both = await asyncio.gather(confirms(buyer, order), confirms(buyer, order))
    assert {answer.status for answer in both} <= {201}
    held = {each["id"]: each["status"] for each in await _intents(site, order)}
    assert held == {intent_of(first): "canceled", intent_of(second): "succeeded"}
    await _books_agree(site, [order], captured=1)


async def _order(site: Site) -> tuple[Program, Json]:
    buyer = site.program()
    return buyer, await buyer.buys(await site.program().sells())


async def _script(site: Site, *faults: Json) -> None:
    answer = await call(site.http, site.sandbox, "POST", "/_sandbox/faults", json=list(faults))
    assert answer.status == 200, answer.body


async def _answer(site: Site, secret: str) -> Answer:
    said = {"client_secret": secret, "outcome": "pass"}
    return await call(site.http, site.sandbox, "POST", "/_sandbox/authenticate", data=said)


async def _provider(site: Site, path: str, said: Json | None = None) -> None:
    """Do something at the provider that nobody here asked for."""
    answer = await call(
        site.http, site.sandbox, "POST", path, data=said or {}, headers=CERTAINLY_OURS
    )
    assert answer.status == 200, answer.body


def _under_way(buyer: Program, order: Json) -> "asyncio.Task[Answer]":
    return asyncio.create_task(buyer.pays(order))  # noqa: TID251 - not part of the product


async def _held(site: Site, order: Json) -> Json:
    """The intent of *order*, as soon as there is one."""

    async def found() -> list[Json]:
        return await _intents(site, order)

    [intent] = await wait.until(found, "the money is held")
    return intent


async def _intents(site: Site, order: Json) -> list[Json]:
    held = await sandbox.held(site.sandbox)
    return [each for each in held if each["metadata"].get("order_id") == order["id"]]


async def _end(buyer: Program, order: Json) -> str:
    async def ended() -> str:
        shown = (await buyer.call("GET", f"/api/orders/{order['id']}")).body
        return shown["status"] if shown["status"] in {"complete", "cancelled"} else ""

    return await wait.until(ended, "the order ends")


async def _payment_is(buyer: Program, order: Json, status: str) -> None:
    async def is_so() -> bool:
        shown = (await buyer.call("GET", f"/api/payments/{order['id']}")).body
        return bool(shown["status"] == status)

    await wait.until(is_so, f"the payment is {status}")


async def _books_agree(site: Site, orders: Sequence[Json], *, captured: int) -> None:
    """Each order was captured so often; what is kept is what is booked, for a complete order."""

    async def differences() -> list[str]:
        return [each for order in orders for each in await _differences(site, order, captured)]

    async def agree() -> bool:
        return not await differences()

    try:
        await wait.until(agree, "the books agree")
    except AssertionError:
        raise AssertionError(await differences()) from None
    finally:
        await _script(site)


_BOOKED: Final = """
select o.status, coalesce(sum(l.delta_minor) filter (where l.account = 'provider'), 0)::bigint
    as booked, coalesce(sum(l.delta_minor), 0)::bigint as rest
from orders o left join ledger l on l.order_id = o.id where o.id = $1 group by o.id
"""


async def _differences(site: Site, order: Json, captured: int) -> list[str]:
    intents = await _intents(site, order)
    [ours] = await site.gateway.reads.rows(_BOOKED, order["id"])
    kept = [each["amount_received"] - each["amount_refunded"] for each in intents]
    price = round(order["ticket"]["price"] * 100)
    wanted = {
        "captured once": sum(each["amount_received"] > 0 for each in intents) == captured,
        "nothing open": all(each["status"] in {"succeeded", "canceled"} for each in intents),
        "paid for": sum(kept) == (price if ours["status"] == "complete" else 0),
        "booked": (ours["booked"], ours["rest"]) == (sum(kept), 0),
    }
    return [f"{order['id']}: not {name}: {intents}" for name, is_so in wanted.items() if not is_so]
