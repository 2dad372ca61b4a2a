"""A ticket that was sold by an attempt which gave way before it knew: nobody will pay for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from actors import Ids, Runtime
from actors.memory import Fault, MemoryDatabase, MemoryStore
from actors.simulation import SimulatedClock, simulate
from tests.support.simulated_provider import FakeTeller
from tests.support.simulated_world import FakeSweeper, Tables
from ticketing import bootstrap
from ticketing.auth.worker import Hasher
from ticketing.orders import messages as orders
from ticketing.orders.state import CancelReason, OrderState, OrderStatus
from ticketing.payments import messages as payments
from ticketing.settings import Settings
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import TicketState, TicketStatus
from ticketing.values import OrderId, TicketId, UserId

TICKET, ORDER = tickets.ticket(TicketId("t")), orders.order(OrderId("o"))
PAYMENT = payments.payment(OrderId("o"))
BUYER = UserId("buyer")
FAILED = payments.Declined(number=2, decline_code="card_declined", intent_id="pi_2")


async def _nothing(*_: object) -> None:
    """What is told is for the test to tell."""


class DeafTeller(FakeTeller):
    """Does nothing, and says nothing."""

    def __init__(self) -> None:
        handlers = FakeTeller.handlers.items()
        self.handlers = {  # type: ignore[misc] # of this one alone
            message: replace(handler, function=_nothing) for message, handler in handlers
        }


class NoHasher(Hasher):
    def __init__(self) -> None:
        pass

    async def close(self) -> None:
        pass


@asynccontextmanager
async def sold_for_nothing() -> AsyncIterator[tuple[Runtime, Tables, SimulatedClock]]:
    """3-D Secure passes, the order does not get to write it down, and another card is tried."""
    clock = SimulatedClock()
    ids = Ids(clock, seed=1)
    tables = Tables(MemoryDatabase(bootstrap.STATE_TYPES))
    store = MemoryStore(tables.database, clock, ids)
    workers = [DeafTeller(), FakeSweeper(tables), NoHasher()]
    services = bootstrap.services(bootstrap.actors(Settings(rate_limits=False)), workers)
    runtime = Runtime(services, store=store, clock=clock, ids=ids)
    await runtime.start()
    offer = tickets.List(seller_id=UserId("seller"), title="A", price_minor=100, currency="usd")
    await runtime.ask(TICKET, offer)
    await runtime.ask(ORDER, orders.Place(ticket_id=TicketId("t"), buyer_id=BUYER))
    await runtime.ask(PAYMENT, payments.Pay(buyer_id=BUYER, token="one"))
    await runtime.tell(PAYMENT, payments.ActionRequired(number=1, intent_id="pi_1", secret="x"))
    await clock.sleep(1)
    store.faults.extend([None, Fault.FAIL])  # The ticket's commit lands, the order's does not.
    await runtime.tell(PAYMENT, payments.Authorised(number=1, intent_id="pi_1"))
    await clock.sleep(0.05)
    assert (ticket(tables).status, order(tables).settled_at) == (TicketStatus.SOLD, None)
    await runtime.ask(PAYMENT, payments.Pay(buyer_id=BUYER, token="two"))
    await clock.sleep(2)
    await runtime.tell(PAYMENT, payments.Voided(number=1, intent_id="pi_1"))
    yield runtime, tables, clock
    await clock.sleep(3600)
    await runtime.stop()


def ticket(tables: Tables) -> TicketState:
    return tables.tickets()[0]


def order(tables: Tables) -> OrderState:
    return tables.orders()[0]


def is_undone(tables: Tables) -> bool:
    return (order(tables).cancel_reason, ticket(tables).status) == (
        CancelReason.PAYMENT_FAILED, TicketStatus.AVAILABLE,
    )  # fmt: skip


@pytest.mark.parametrize("after_the_deadline", [False, True])
def test_it_is_free_again_when_the_other_card_is_declined(*, after_the_deadline: bool) -> None:
    async def scenario() -> None:
        async with sold_for_nothing() as (runtime, tables, clock):
            if after_the_deadline:
                await clock.sleep(1000)
                assert order(tables).settled_at is not None
            await runtime.tell(PAYMENT, FAILED)
            await clock.sleep(1000)
            assert is_undone(tables), (order(tables), ticket(tables))

    simulate(scenario, 0)


def test_it_is_found_by_the_watch() -> None:
    async def scenario() -> None:
        async with sold_for_nothing() as (runtime, tables, clock):
            await runtime.tell(PAYMENT, FAILED)
            await clock.sleep(1)
            await runtime.tell(ORDER, orders.Settle(found=True))
            await clock.sleep(1)
            assert is_undone(tables), (order(tables), ticket(tables))

    simulate(scenario, 0)


def test_it_is_the_buyers_if_the_other_card_is_good() -> None:
    async def scenario() -> None:
        async with sold_for_nothing() as (runtime, tables, clock):
            await clock.sleep(1000)
            await runtime.tell(PAYMENT, payments.Authorised(number=2, intent_id="pi_2"))
            await clock.sleep(1)
            await runtime.tell(PAYMENT, payments.Captured(number=2, intent_id="pi_2"))
            await clock.sleep(1)
            assert order(tables).status is OrderStatus.COMPLETE
            assert ticket(tables).status is TicketStatus.SOLD

    simulate(scenario, 0)


def test_what_is_heard_late_of_the_first_card_does_not_undo_what_the_second_pays() -> None:
    """The end of the first was asked for in a turn that was given up, and arrives all the same."""

    async def scenario() -> None:
        async with sold_for_nothing() as (runtime, tables, clock):
            await runtime.tell(PAYMENT, payments.Authorised(number=2, intent_id="pi_2"))
            await clock.sleep(1)
            await runtime.ask(ORDER, orders.EndPayment(final=False, attempt=1))
            await runtime.ask(ORDER, orders.Undo(attempt=1))
            await runtime.tell(PAYMENT, payments.Captured(number=2, intent_id="pi_2"))
            await clock.sleep(1)
            assert order(tables).settled_for == 2
            assert order(tables).status is OrderStatus.COMPLETE
            assert ticket(tables).status is TicketStatus.SOLD

    simulate(scenario, 0)
