"""`ticketing fsck` while people trade: it never takes what is half done for what is broken."""

import asyncio

import asyncpg

from tests.functional.conftest import SiteFactory
from tests.functional.running_site import Site
from ticketing.fsck import check

CHECKS = 8
TRADERS = 6


async def trades(site: Site, until: asyncio.Event) -> None:
    """List, reserve, cancel, pay, and be declined, again and again."""
    seller = site.program()
    while not until.is_set():
        buyer = site.program()  # Nobody may hold many reservations.
        kept, dropped, declined = [await seller.sells() for _ in range(3)]
        order = await buyer.buys(dropped)
        await buyer.call("DELETE", f"/api/orders/{order['id']}")
        await buyer.pays(await buyer.buys(kept), "tok_visa")
        await buyer.pays(await buyer.buys(declined), "tok_chargeDeclined")


async def test_nothing_is_found_while_people_trade_and_what_is_broken_is(
    start_site: SiteFactory,
) -> None:
    site = await start_site()
    dsn = site.system.store._dsn
    done = asyncio.Event()
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(TRADERS):
                tasks.create_task(trades(site, done))
            for _ in range(CHECKS):
                assert await check(connection) == []
            await connection.execute(
                "update tickets set title = 'Forged' where id = ("
                "select id from tickets where status = 'sold' order by id limit 1)"
            )
            broken = await check(connection)
            done.set()
        assert [(each.rule, each.detail[:17]) for each in broken] == [("fold", "title is 'Forged'")]
        assert await connection.fetchval("select count(*) from orders") >= 3 * TRADERS
    finally:
        await connection.close()
