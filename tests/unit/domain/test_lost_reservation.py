"""A turn of an order that is lost may have reserved a ticket: nobody is told that it lapsed."""

from datetime import timedelta
from typing import Any

import pytest

from actors.simulation import simulate
from tests.support.simulated_market import WINDOW, Market
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import ReleaseReason, TicketState, TicketStatus
from ticketing.values import OrderId, TicketId, UserId

SELLER, BUYER, ORDER = UserId("seller"), UserId("buyer"), OrderId("order")
TICKET = tickets.ticket(TicketId("ticket"))

LIST = tickets.List(seller_id=SELLER, title="A seat", price_minor=100, currency="usd")
RESERVE = tickets.Reserve(order_id=ORDER, buyer_id=BUYER, window=WINDOW)


@pytest.mark.parametrize(("earlier", "lapses"), [(timedelta(), 1), (timedelta(seconds=1), 0)])
def test_what_lapses_is_the_reservation_that_the_order_knows_of(
    earlier: timedelta, lapses: int
) -> None:
    async def scenario() -> TicketState:
        market: Any = Market(seed=1)
        market.is_faulty = False
        await market.start()
        await market.ask(TICKET, LIST, SELLER)
        held = await market.ask(TICKET, RESERVE, BUYER)
        lapsed = tickets.Release(
            order_id=ORDER, reason=ReleaseReason.LAPSED, until=held.until - earlier
        )
        assert await market.ask(TICKET, lapsed, BUYER) is tickets.ReleaseOutcome.RELEASED
        (ticket,) = market.tickets()
        await market.stop()
        return ticket

    ticket = simulate(scenario, 1)
    assert ticket.status is TicketStatus.AVAILABLE
    assert sum(each.count for each in ticket.lapses) == lapses
