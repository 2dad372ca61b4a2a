"""Two processes believe that they own a ticket: one of them is wrong, and cannot do any harm.

The second takes everything over as if it had proof that the first is dead, and the first goes on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import aiohttp
import pytest
import structlog
from structlog.testing import capture_logs

from actors import RefusalError, SystemClock, UnavailableError, activation
from actors.lease import Timing
from tests.support import postgres, server
from tests.support.market import BUYER, PRICE, SELLER
from tests.support.wait import until
from ticketing import bootstrap
from ticketing.generated_keys import fill_in
from ticketing.settings import Settings
from ticketing.tickets import messages as tickets
from ticketing.values import OrderId, TicketId, UserId

TICKET = tickets.ticket(TicketId("a-ticket"))
OFFER = tickets.List(seller_id=SELLER, title="A", price_minor=PRICE, currency="usd")


def reserve(order_id: str, buyer_id: UserId) -> tickets.Reserve:
    window = timedelta(minutes=15)
    return tickets.Reserve(order_id=OrderId(order_id), buyer_id=buyer_id, window=window)


class DeafClock(SystemClock):
    """A clock on which no second heartbeat comes before `listens` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.listens = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds == Timing().heartbeat:
            await self.listens.wait()
        await super().sleep(seconds)


@asynccontextmanager
async def owner(dsn: str, clock: SystemClock | None = None) -> AsyncIterator[bootstrap.System]:
    """A process, as far as the database can tell, that takes everything over."""
    with postgres.data_folder() as folder:
        async with bootstrap.running(
            fill_in(Settings(data_dir=folder)),
            dsn=dsn,
            stripe_base="http://127.0.0.1:9",  # Nobody pays here.
            exclusive=True,
            clock=clock,
        ) as system:
            yield system


async def test_of_two_owners_one_commits_and_the_other_is_fenced(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One that has logged before does not notice that its lines are captured.
    monkeypatch.setattr(activation, "log", structlog.get_logger("actors.activation"))
    clock = DeafClock()
    async with owner(postgres_dsn, clock) as first:
        await first.runtime.ask(TICKET, OFFER)
        async with owner(postgres_dsn) as second:
            held = await second.runtime.ask(TICKET, reserve("of-the-second", BUYER))

            async def is_fenced() -> bool:
                # Its sessions were ended: before it learns why, it may think of an outage.
                with pytest.raises(UnavailableError) as caught:
                    await first.runtime.ask(TICKET, reserve("of-the-first", UserId("another")))
                assert caught.value.executed == "no"
                return fenced(first) == 1

            with capture_logs() as lines:
                await until(is_fenced, "the first has met the fence")
            (line,) = (line for line in lines if line["event"] == "turn.discarded")
            assert (line["actor"], line["why"]) == (str(TICKET), "fenced")
            assert TICKET not in first.runtime.resident
            # What it knows from now on is what the second has done.
            with pytest.raises(RefusalError):
                await first.runtime.ask(TICKET, reserve("of-the-first", UserId("another")))
            again = await second.runtime.ask(TICKET, reserve("of-the-second", BUYER))
            assert again == held
            assert fenced(second) == 0
            assert not first.runtime.failed.is_set()
            clock.listens.set()
            await until(first.runtime.failed.is_set, "the first has learned that it is dead")
            assert not first.runtime.is_ready


def fenced(system: bootstrap.System) -> float:
    labels = {"kind": TICKET.kind, "why": "fenced"}
    value = system.runtime.metrics.get_sample_value("actors_turns_discarded_total", labels)
    return value or 0.0


async def test_a_server_that_was_declared_dead_refuses_and_then_ends_with_status_1(
    postgres_dsn: str,
) -> None:
    with postgres.data_folder() as folder:
        settings = {"DATABASE_URL": postgres_dsn, "TICKETING_RATE_LIMITS": "off"}
        async with (
            server.running(folder / "var", folder / "server.log", settings) as first,
            aiohttp.ClientSession() as http,
        ):
            assert await sign_up(first, http) == 201
            async with owner(postgres_dsn):
                statuses = []
                while (status := await sign_up(first, http)) is not None:
                    statuses.append(status)
                assert set(statuses) <= {503}
                async with asyncio.timeout(server.STOP_SECONDS):
                    assert await first.process.wait() == 1
            said = first.log.read_text()
            assert said.count('"node.dead"') == 1
            assert said.count('"serve.failed"') == 1


async def sign_up(first: server.Server, http: aiohttp.ClientSession) -> int | None:
    """The status of the answer to somebody new; None if nobody answers any more."""
    said = {"email": f"{uuid4()}@two.test", "password": "correct horse battery"}
    try:
        async with http.post(f"{first.url}/api/users/signup", json=said) as answer:
            return answer.status
    except aiohttp.ClientError:
        return None
