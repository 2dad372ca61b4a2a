"""What becomes of tickets when their event starts; in virtual time."""

from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import pytest

from actors.simulation import simulate
from tests.support.simulated_market import WINDOW, Market
from ticketing.errors import (
    EventExistsError,
    EventPastError,
    EventStartedError,
    InvalidStartError,
    NoSuchEventError,
)
from ticketing.events import EventState
from ticketing.events import messages as events
from ticketing.orders import messages as orders
from ticketing.orders.state import CancelReason
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import TicketState, TicketStatus
from ticketing.values import EventId, OrderId, TicketId, UserId

SELLER, BUYER, OTHER = UserId("seller"), UserId("buyer"), UserId("other")
TICKET, ORDER = TicketId("ticket"), OrderId("order")
TOLERANCE = timedelta(seconds=0.2)


class House(Market):
    """The real actors, nothing failing, one ticket at a time."""

    @property
    def ticket(self) -> TicketState:
        (found,) = self.tickets()
        return found

    @property
    def timers(self) -> list[datetime]:
        """When the ticket means to leave the market."""
        rows = self.database.inbox.values()
        return [row.due_at for row in rows if row.message == "tickets.close"]

    async def announce(self, name: str, seconds: float, post_id: str = "") -> EventState:
        add = events.Add(
            user_id=SELLER,
            post_id=post_id or name,
            name=name,
            category=events.Category.FAMILY,
            venue="Hall",
            city="Oslo",
            starts_at=self.clock.now() + timedelta(seconds=seconds),
            time_zone="Europe/Oslo",
        )
        event: EventState = await self.ask(events.event(EventId(name)), add, SELLER)
        return event

    async def offer(self, event_id: str | None) -> TicketState:
        offer = tickets.List(
            seller_id=SELLER,
            title="A seat",
            price_minor=100,
            currency="usd",
            event_id=None if event_id is None else EventId(event_id),
        )
        ticket: TicketState = await self.ask(tickets.ticket(TICKET), offer, SELLER)
        return ticket

    async def move(self, event_id: str | None) -> None:
        chosen = None if event_id is None else EventId(event_id)
        edit = tickets.Edit(seller_id=SELLER, title="A seat", price_minor=100, event_id=chosen)
        await self.ask(tickets.ticket(TICKET), edit, SELLER)

    async def reserve(self, buyer: UserId = BUYER, order_id: OrderId = ORDER) -> None:
        place = orders.Place(ticket_id=TICKET, buyer_id=buyer)
        await self.ask(orders.order(order_id), place, buyer)

    def withdrawn_at(self) -> datetime:
        """When the ticket left the market because its event started."""
        assert self.ticket.withdraw_reason == "event_started"
        (at,) = [line.at for line in self.database.journal if line.fact == "ticket.withdrawn"]
        return at


Scenario = Callable[[House], Coroutine[Any, Any, None]]


def in_a_house(scenario: Scenario) -> Callable[[], None]:
    """Run the test in a house of its own."""

    def test() -> None:
        async def run() -> None:
            house = House(seed=1)
            house.is_faulty = False
            await house.start()
            try:
                await scenario(house)
            finally:
                await house.stop()

        simulate(run, 1)

    test.__name__ = scenario.__name__
    return test


@in_a_house
async def test_an_unsold_ticket_leaves_the_market_when_its_event_starts(house: House) -> None:
    event = await house.announce("night", seconds=60)
    ticket = await house.offer("night")
    assert ticket.event == event.card
    assert house.timers == [event.starts_at]
    await house.clock.sleep(59.9)
    assert house.ticket.status is TicketStatus.AVAILABLE
    await house.clock.sleep(1)
    assert event.starts_at <= house.withdrawn_at() <= event.starts_at + TOLERANCE
    assert house.timers == []


@in_a_house
async def test_a_ticket_goes_by_the_event_that_it_is_for_now(house: House) -> None:
    await house.announce("first", seconds=10)
    second = await house.announce("second", seconds=20)
    await house.offer("first")
    await house.move("second")
    assert house.timers == [second.starts_at]
    await house.clock.sleep(15)
    assert house.ticket.status is TicketStatus.AVAILABLE
    await house.clock.sleep(10)
    assert second.starts_at <= house.withdrawn_at() <= second.starts_at + TOLERANCE


@in_a_house
async def test_a_ticket_that_is_for_no_event_any_more_stays(house: House) -> None:
    await house.announce("night", seconds=10)
    await house.offer("night")
    await house.move(None)
    assert house.timers == []
    assert house.ticket.event is None
    await house.clock.sleep(20)
    assert house.ticket.status is TicketStatus.AVAILABLE


@in_a_house
async def test_a_reservation_runs_to_its_end_and_then_the_ticket_goes(house: House) -> None:
    event = await house.announce("night", seconds=4)
    await house.offer("night")
    await house.reserve()
    await house.clock.sleep(5)
    reserved = house.ticket
    assert (reserved.status, reserved.order_id) == (TicketStatus.RESERVED, ORDER)
    assert reserved.reserved_until is not None
    assert reserved.reserved_until > event.starts_at
    await house.clock.sleep(WINDOW.total_seconds())
    gone = house.ticket
    assert gone.version == reserved.version + 1, "it was for sale in between"
    until = reserved.reserved_until
    assert until <= house.withdrawn_at() <= until + TOLERANCE


@in_a_house
async def test_a_reservation_that_is_cancelled_leaves_nothing_for_sale(house: House) -> None:
    await house.announce("night", seconds=4)
    await house.offer("night")
    await house.reserve()
    await house.clock.sleep(5)
    cancel = orders.Cancel(buyer_id=BUYER, reason=CancelReason.USER)
    await house.ask(orders.order(ORDER), cancel, BUYER)
    assert house.ticket.withdraw_reason == "event_started"


@in_a_house
async def test_a_reservation_that_ends_before_the_start_leaves_the_timer(house: House) -> None:
    event = await house.announce("night", seconds=60)
    await house.offer("night")
    await house.reserve()
    await house.clock.sleep(WINDOW.total_seconds() + 1)
    assert house.ticket.status is TicketStatus.AVAILABLE
    assert house.timers == [event.starts_at]


@in_a_house
async def test_a_ticket_that_is_sold_or_withdrawn_has_no_timer(house: House) -> None:
    await house.announce("night", seconds=10)
    await house.offer("night")
    await house.reserve()
    assert await house.ask(orders.order(ORDER), orders.Settle(), BUYER)
    assert house.timers == []
    await house.clock.sleep(20)
    assert house.ticket.status is TicketStatus.SOLD


@in_a_house
async def test_the_seller_may_be_first(house: House) -> None:
    await house.announce("night", seconds=10)
    await house.offer("night")
    await house.ask(tickets.ticket(TICKET), tickets.Withdraw(seller_id=SELLER), SELLER)
    assert house.timers == []
    await house.clock.sleep(20)
    assert house.ticket.withdraw_reason == "seller"


@in_a_house
async def test_a_start_during_an_outage_is_made_up_for(house: House) -> None:
    await house.announce("night", seconds=10)
    await house.offer("night")
    await house.crash()
    await house.clock.sleep(30)
    await house.start()
    await house.clock.sleep(1)
    assert house.ticket.withdraw_reason == "event_started"


@in_a_house
async def test_a_lost_timer_sells_nothing_and_the_watch_replaces_it(house: House) -> None:
    event = await house.announce("night", seconds=10)
    await house.offer("night")
    await house.stop()
    for row_id in [row.id for row in house.database.inbox.values() if row.name == "close"]:
        del house.database.inbox[row_id]
    await house.start()
    await house.clock.sleep((event.starts_at - house.clock.now()).total_seconds() + 0.1)
    assert house.ticket.status is TicketStatus.AVAILABLE
    with pytest.raises(EventStartedError):
        await house.reserve()
    await house.clock.sleep(15)
    assert house.ticket.withdraw_reason == "event_started"


@in_a_house
async def test_a_message_that_comes_too_early_or_for_another_event_does_nothing(
    house: House,
) -> None:
    event = await house.announce("night", seconds=60)
    await house.offer("night")
    for event_id in ("night", "other"):
        await house.ask(tickets.ticket(TICKET), tickets.Close(event_id=EventId(event_id)), SELLER)
    assert house.ticket.version == 1
    assert house.timers == [event.starts_at]


@in_a_house
async def test_nothing_is_offered_for_an_event_that_has_started_or_is_not(house: House) -> None:
    await house.announce("night", seconds=10)
    await house.clock.sleep(10)
    with pytest.raises(EventPastError):
        await house.offer("night")
    with pytest.raises(NoSuchEventError):
        await house.offer("day")
    await house.offer(None)
    with pytest.raises(EventPastError):
        await house.move("night")
    assert house.ticket.version == 1


@in_a_house
async def test_whoever_holds_the_ticket_may_come_back_others_are_too_late(house: House) -> None:
    await house.announce("night", seconds=4)
    await house.offer("night")
    await house.reserve()
    await house.clock.sleep(5)
    with pytest.raises(EventStartedError):
        await house.reserve(OTHER, OrderId("late"))
    place = orders.Place(ticket_id=TICKET, buyer_id=BUYER)
    placed = await house.ask(orders.order(OrderId("again")), place, BUYER)
    assert placed.held.order_id == ORDER


@in_a_house
async def test_an_event_is_announced_once_and_ahead(house: House) -> None:
    event = await house.announce("night", seconds=10)
    assert await house.announce("night", seconds=10) == event
    with pytest.raises(EventExistsError):
        await house.announce("night", seconds=10, post_id="another")
    for seconds in (0, -1, 6 * 365 * 86_400):
        with pytest.raises(InvalidStartError):
            await house.announce("day", seconds=seconds)
