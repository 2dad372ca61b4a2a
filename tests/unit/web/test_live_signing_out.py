"""Several gateways: who signs out at one of them is signed out at all."""

import asyncio

import pytest

from actors import Change, UnavailableError
from tests.support.live_gateways import claims, two
from tests.support.live_world import Client, Market
from tests.support.wait import until
from ticketing.auth import AccountState
from ticketing.auth.endings import REMEMBERED, Ending
from ticketing.values import UserId
from web.revocations import EVERY_SECONDS

SELLER = UserId("seller")


async def test_who_signs_out_at_one_gateway_is_signed_out_at_the_others() -> None:
    line, here, there = await two()
    session, other = claims(here), claims(here, session="second")
    clients = [Client(gateway, claims=session) for gateway in (here, there)]
    bystander = Client(there, claims=other)
    await here.revocations.end(session)
    assert not clients[0].socket.is_open
    assert clients[1].socket.is_open
    line.settle()
    assert not clients[1].socket.is_open
    assert bystander.socket.is_open
    assert there.revocations.cover(session)
    assert not there.revocations.cover(other)
    line.links[0].cast("signed-out", b"what is this")
    line.settle()


async def test_signing_out_everywhere_is_heard_at_every_gateway() -> None:
    line, here, there = await two()
    client, renewed = (
        Client(there, claims=claims(here)),
        Client(there, claims=claims(here, epoch=1)),
    )
    before = AccountState(id="a", user_id=SELLER, version=1)
    account = AccountState(id="a", user_id=SELLER, session_epoch=1, version=2)
    here.bus.publish(Change("account", "a", 2, account, before))
    line.settle()
    assert not client.socket.is_open
    assert renewed.socket.is_open
    here.bus.publish(Change("account", "a", 1, before))
    line.settle()
    assert renewed.socket.is_open  # That was a late word.
    here.clock.advance(1)
    assert there.revocations.cover(claims(here))
    assert not there.revocations.cover(claims(here, epoch=None))  # Issued after it.


async def test_what_ended_unheard_is_read_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    _, here, there = await two()
    client, stranger = Client(there, claims=claims(here)), Client(there)
    unsaid = Client(there, claims=claims(here, epoch=None))
    here.endings.append(Ending(user_id=SELLER, epoch=1, at=here.clock.now()))
    there.is_away = True
    there.bus.lost()
    for _ in range(20):
        await asyncio.sleep(0)
    assert client.socket.is_open
    there.is_away = False
    await there.catch_up()
    assert not client.socket.is_open
    assert not unsaid.socket.is_open
    assert stranger.socket.is_open
    here.endings.append(Ending(user_id=SELLER, session="another", at=here.clock.now()))

    async def sleep(seconds: float) -> None:
        there.clock.advance(seconds)
        await asyncio.sleep(0)  # Whoever waits for what never comes gives up some time.

    monkeypatch.setattr(there.clock, "sleep", sleep)
    began, other = there.clock.monotonic(), claims(here, epoch=1, session="another")
    async with asyncio.TaskGroup() as tasks:
        polling = tasks.create_task(there.revocations.run())
        await until(lambda: there.revocations.cover(other), "it is read", every=0)
        polling.cancel()
    assert there.clock.monotonic() - began <= 2 * EVERY_SECONDS


async def test_before_anything_was_read_nobody_is_anybody() -> None:
    market = Market()
    market.is_away = True
    await market.revocations.open()
    with pytest.raises(UnavailableError):
        market.revocations.cover(claims(market))
    market.is_away = False
    await market.revocations.read_anew()
    assert not market.revocations.cover(claims(market))


async def test_what_could_not_be_written_down_is_over_all_the_same() -> None:
    market = Market()
    await market.revocations.open()
    market.is_away = True
    with pytest.raises(UnavailableError):
        await market.revocations.end(claims(market))
    assert market.revocations.cover(claims(market))


async def test_nothing_is_remembered_for_longer_than_tokens_live() -> None:
    market = Market()
    await market.revocations.open()
    old, new = claims(market), claims(market, session="second")
    await market.revocations.end(old)
    market.clock.advance(REMEMBERED.total_seconds() + 1)
    await market.revocations.end(new)
    market.endings.clear()
    await market.revocations.forget()
    assert not market.revocations.cover(old)
    assert market.revocations.cover(new)
