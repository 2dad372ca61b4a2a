"""What sellers have sold and are owed, as their balance shows it."""

from decimal import Decimal
from typing import Any

from tests.functional.conftest import SiteFactory
from tests.functional.running_site import Program, Site
from tests.functional.test_refunds import administrator, refunded, refunds


async def buys_of(seller: Program, **offer: Any) -> tuple[Program, dict[str, Any]]:
    buyer = seller.site.program()
    order = await buyer.buys(await seller.sells(**offer))
    assert (await buyer.pays(order)).status == 201
    return buyer, order


async def balance(seller: Program) -> Any:
    shown = await seller.call("GET", "/api/users/balance")
    assert shown.status == 200
    return shown.body


def line(currency: str, *, proceeds: float, fees: float, refunded: float) -> dict[str, Any]:
    owed = Decimal(str(proceeds)) - Decimal(str(fees)) - Decimal(str(refunded))
    return {
        "currency": currency,
        "proceeds": proceeds,
        "fees": fees,
        "refunded": refunded,
        "balance": float(owed),
    }


async def test_sales_fees_and_refunds_in_each_currency(start_site: SiteFactory) -> None:
    site = await start_site(fee_percent=Decimal("2.5"))
    seller, other = site.program(), site.program()
    await buys_of(seller, price="19.99")
    buyer, order = await buys_of(seller, price=20)
    await buys_of(seller, price=1500, currency="jpy")
    await buys_of(other, price=5)
    assert await balance(seller) == [
        line("jpy", proceeds=1500, fees=38, refunded=0),
        line("usd", proceeds=39.99, fees=1, refunded=0),
    ]
    assert (await refunds(administrator(site), order)).status == 200
    await refunded(buyer, order)
    assert await balance(seller) == [
        line("jpy", proceeds=1500, fees=38, refunded=0),
        line("usd", proceeds=39.99, fees=0.5, refunded=20),
    ]
    assert await balance(other) == [line("usd", proceeds=5, fees=0.13, refunded=0)]
    assert await balance(buyer) == []


async def test_what_is_not_paid_is_not_there(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    order = await buyer.buys(await seller.sells())
    await buyer.pays(order, "tok_chargeDeclined")
    assert await balance(seller) == []
