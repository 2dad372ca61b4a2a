"""Intents at the provider that are not what was asked for, and requests that ask for less."""

from typing import Any, Final

from tests.functional.provider import deliver, event
from tests.money.stage import DECLINED, GOOD, SOLD, Case, Sale
from tests.support.wait import until

__all__ = ["CASES"]

PRICE: Final = "2500"


async def plants(sale: Sale, **other: str) -> dict[str, Any]:
    """Somebody else's intent that looks like the one of *sale*, but for *other*."""
    own = {
        "amount": PRICE,
        "metadata[order_id]": sale.order["id"],
        "metadata[attempt]": "1",
    }
    return await sale.wire.pay(GOOD, **(own | other))


async def takes(sale: Sale, **other: str) -> str:
    """Such an intent, captured."""
    intent: str = (await plants(sale, **other))["id"]
    assert (await sale.at_provider(intent, "capture")).status == 200
    return intent


async def is_given_back(sale: Sale, intent: str) -> None:
    """Wait until all of *intent* has been given back."""

    async def look() -> bool:
        (found,) = [each for each in await sale.held() if each["id"] == intent]
        return bool(found["amount_refunded"] == found["amount_received"] > 0)

    await until(look, f"{intent} is given back")


async def pays_another_amount(sale: Sale) -> None:
    assert (await sale.pays(DECLINED)).status == 402
    await is_given_back(sale, await takes(sale, amount="100"))
    await sale.payment_once("refunded")
    await sale.sells()


async def pays_another_currency(sale: Sale) -> None:
    assert (await sale.pays(DECLINED)).status == 402
    await is_given_back(sale, await takes(sale, currency="eur"))
    await sale.payment_once("refunded")
    await sale.sells()


async def pays_once_more(sale: Sale) -> None:
    await sale.sells()
    await is_given_back(sale, await takes(sale, **{"metadata[attempt]": "7"}))


async def pays_less_once_more(sale: Sale) -> None:
    await sale.sells()
    await is_given_back(sale, await takes(sale, amount="100"))


async def finds_another_amount(sale: Sale) -> None:
    """What seems to be left of a call that failed is not what was asked for."""
    await plants(sale, amount="100")
    paid = await sale.pays()
    assert (paid.status, paid.body["declineCode"]) == (402, "mismatch"), paid
    assert [each["status"] for each in await sale.held()] == ["canceled"]
    await sale.sells()


async def asks_for_less(sale: Sale) -> None:
    for said in ({"amount": 0.01}, {"currency": "jpy"}, {"amountMinor": 1}):
        body = {"orderId": sale.order["id"], "token": GOOD, **said}
        paid = await sale.buyer.call("POST", "/api/payments", json=body)
        assert (paid.status, paid.fields) == (400, {*said})
    await sale.sells()


async def names_anothers_money(sale: Sale) -> None:
    """An event of this order names the intent that somebody else has paid another order with."""
    other = await sale.another()
    await other.sells()
    (paid,) = await other.held()
    assert (await sale.pays(DECLINED)).status == 402
    told = event(sale.order, intent=paid["id"], kind="payment_intent.succeeded", status="succeeded")
    assert (await deliver(sale.site, told)).status == 200
    await sale.sells()
    assert (await other.seen()) == SOLD


CASES: Final = (
    Case("another amount", pays_another_amount, SOLD),
    Case("another currency", pays_another_currency, SOLD),
    Case("paid once more", pays_once_more, SOLD),
    Case("less paid once more", pays_less_once_more, SOLD),
    Case(
        "another amount found",
        finds_another_amount,
        SOLD,
        [{"operation": "create", "kind": "status", "status": 500, "nth": 2}],
    ),
    Case("less asked for", asks_for_less, SOLD),
    Case("another's money", names_anothers_money, SOLD),
)
