"""A row that cannot be read is its own actor's misfortune, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from actors import ActorError, CrashedError, HeldError
from tests.support import postgres
from tests.support.market import BUYER, PRICE, SELLER
from tests.support.wait import until
from ticketing import bootstrap
from ticketing.generated_keys import fill_in
from ticketing.settings import Settings
from ticketing.tickets import messages as tickets
from ticketing.values import OrderId, TicketId

TICKETS = [TicketId(f"ticket-{number}") for number in range(64)]
POISONED = TICKETS[17]


@asynccontextmanager
async def running(dsn: str) -> AsyncIterator[bootstrap.System]:
    with postgres.data_folder() as folder:
        async with bootstrap.running(
            fill_in(Settings(data_dir=folder)),
            dsn=dsn,
            stripe_base="http://127.0.0.1:9",  # Nobody pays here.
            exclusive=True,
        ) as system:
            yield system


async def poison(dsn: str) -> None:
    """Write a status that no release knows, past the constraint that would refuse it."""
    connection = await asyncpg.connect(dsn)
    try:
        constraints = await connection.fetch(
            "select conname from pg_constraint where conrelid = 'tickets'::regclass"
            " and contype = 'c' and pg_get_constraintdef(oid) like '%status%'"
        )
        for (name,) in constraints:
            await connection.execute(f"alter table tickets drop constraint {name}")
        await connection.execute("update tickets set status = 'melted' where id = $1", POISONED)
    finally:
        await connection.close()


async def reserve(system: bootstrap.System, ticket_id: TicketId) -> object:
    """What came of it: the reservation, or what went wrong."""
    asked = tickets.Reserve(
        order_id=OrderId(f"order-of-{ticket_id}"), buyer_id=BUYER, window=timedelta(minutes=15)
    )
    try:
        return await system.runtime.ask(tickets.ticket(ticket_id), asked)
    except ActorError as error:
        return error


async def test_a_row_that_cannot_be_read_fails_alone_and_is_quarantined(postgres_dsn: str) -> None:
    offer = tickets.List(seller_id=SELLER, title="A", price_minor=PRICE, currency="usd")
    async with running(postgres_dsn) as system:
        await asyncio.gather(*(system.runtime.ask(tickets.ticket(each), offer) for each in TICKETS))
    await poison(postgres_dsn)
    async with running(postgres_dsn) as system:
        came = dict(
            zip(
                TICKETS,
                await asyncio.gather(*(reserve(system, each) for each in TICKETS)),
                strict=True,
            )
        )
        assert isinstance(came.pop(POISONED), CrashedError)
        assert all(isinstance(each, tickets.Reservation) for each in came.values())

        def quarantined() -> int:
            return sum(each.quarantined for each in system.runtime.health)

        async def is_quarantined() -> bool:
            assert isinstance(await reserve(system, POISONED), CrashedError | HeldError)
            return quarantined() == 1

        await until(is_quarantined, "the poisoned ticket is left alone")
        held = await reserve(system, POISONED)
        assert isinstance(held, HeldError)
        assert (held.retry_after or 0) > 1
        assert not any(each.is_degraded for each in system.runtime.health)
        again = await reserve(system, TICKETS[0])
        assert again == came[TICKETS[0]]
