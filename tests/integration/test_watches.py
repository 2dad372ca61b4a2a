"""What a process left half done is finished by the watches, also if nobody comes back for it.

The runtime's clock is a minute behind the database's, so that what it does is overdue at once.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest_asyncio

from actors import Runtime
from tests.support import postgres, wait
from tests.support.market import BUYER, PRICE, SELLER, MinuteOldClock
from tests.support.wait import until
from ticketing import bootstrap, expiration
from ticketing.events import messages as events
from ticketing.expiration.actor import LOOK_TIMER
from ticketing.generated_keys import fill_in
from ticketing.orders import messages as orders
from ticketing.settings import Settings
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import ReleaseReason
from ticketing.values import EventId, OrderId, TicketId

TICKET, ORDER = TicketId("a-ticket"), OrderId("an-order")
PLACE = orders.Place(ticket_id=TICKET, buyer_id=BUYER)


class House:
    """A running system with one ticket in it."""

    def __init__(self, runtime: Runtime, dsn: str) -> None:
        self.runtime = runtime
        self.dsn = dsn

    async def look(self) -> None:
        """Have every watch look around now, and what it tells others be heard."""
        for number in range(expiration.WATCHES):
            await self.runtime.tell(expiration.watch(number), expiration.Look(), name=LOOK_TIMER)

        async def is_done() -> bool:
            busy = "select exists (select from inbox where due_at <= $1)"
            return not await self.value(busy, self.runtime.clock.now())

        await until(is_done, "everybody has looked and heard")

    async def order(self) -> str | None:
        """The status of the order."""
        status: str | None = await self.value("select status from orders where id = $1", ORDER)
        return status

    async def value(self, sql: str, *arguments: object) -> Any:
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()


@pytest_asyncio.fixture
async def house(postgres_dsn: str) -> AsyncIterator[House]:
    with postgres.data_folder() as folder:
        async with bootstrap.running(
            fill_in(Settings(data_dir=folder)),
            dsn=postgres_dsn,
            stripe_base="http://127.0.0.1:9",  # Nobody pays here.
            exclusive=True,
            clock=MinuteOldClock(),
        ) as system:
            offer = tickets.List(seller_id=SELLER, title="A", price_minor=PRICE, currency="usd")
            await system.runtime.ask(tickets.ticket(TICKET), offer)
            yield House(system.runtime, postgres_dsn)


async def test_a_reservation_without_an_order_is_adopted(house: House) -> None:
    window = timedelta(minutes=15)
    reserve = tickets.Reserve(order_id=ORDER, buyer_id=BUYER, window=window)
    await house.runtime.ask(tickets.ticket(TICKET), reserve)
    await house.look()
    assert await house.order() == "created"


async def test_a_sale_that_its_order_does_not_know_of_is_found_and_undone_if_nobody_pays(
    house: House,
) -> None:
    await house.runtime.ask(orders.order(ORDER), PLACE)
    await house.runtime.ask(tickets.ticket(TICKET), tickets.Sell(order_id=ORDER))
    await house.look()

    async def is_undone() -> bool:
        status = await house.value("select status from tickets")
        return (await house.order(), status) == ("cancelled", "available")

    await wait.until(is_undone, "the sale is undone")
    assert await house.value("select cancel_reason from orders") == "payment_failed"


async def test_an_order_that_has_let_go_of_its_ticket_is_cancelled(house: House) -> None:
    await house.runtime.ask(orders.order(ORDER), PLACE)
    release = tickets.Release(order_id=ORDER, reason=ReleaseReason.CANCELLED)
    await house.runtime.ask(tickets.ticket(TICKET), release)
    await house.look()
    assert await house.order() == "cancelled"
    assert await house.value("select status from tickets") == "available"


async def test_a_ticket_whose_event_has_started_is_told_so(house: House) -> None:
    starts_at = house.runtime.clock.now() + timedelta(seconds=1)
    event_id = EventId("a-night")
    add = events.Add(
        user_id=SELLER, post_id="post", name="Night", category=events.Category.COMEDY,
        venue="Hall", city="Oslo", starts_at=starts_at, time_zone="Europe/Oslo",
    )  # fmt: skip
    await house.runtime.ask(events.event(event_id), add)
    edit = tickets.Edit(seller_id=SELLER, title="A", price_minor=PRICE, event_id=event_id)
    await house.runtime.ask(tickets.ticket(TICKET), edit)
    # By the database's clock it started a minute ago; the ticket waits until it has by its own.
    await house.look()
    assert await house.value("select sum(repairs) from watches") >= 1

    async def is_withdrawn() -> bool:
        reason = await house.value("select withdraw_reason from tickets")
        return bool(reason == "event_started")

    await until(is_withdrawn, "the ticket is off the market")


async def test_in_good_times_there_is_nothing_to_repair(house: House) -> None:
    await house.runtime.ask(orders.order(ORDER), PLACE)
    cancel = orders.Cancel(buyer_id=BUYER, reason=orders.CancelReason.USER)
    await house.runtime.ask(orders.order(ORDER), cancel)
    await house.look()
    assert await house.value("select count(*) from watches") == 0
