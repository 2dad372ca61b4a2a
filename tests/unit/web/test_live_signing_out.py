"""Several gateways: who signs out at one of them is signed out at all."""

import asyncio

from actors import Change
from tests.support.live_gateways import claims, two
from tests.support.live_world import Client
from ticketing.auth import AccountState
from ticketing.values import UserId


async def test_who_signs_out_at_one_gateway_is_signed_out_at_the_others() -> None:
    line, here, there = await two()
    session, other = claims(here), claims(here, minutes=1)
    clients = [Client(gateway, claims=session) for gateway in (here, there)]
    bystander = Client(there, claims=other)
    here.hub.people.signed_out(session)
    assert not clients[0].socket.is_open
    assert clients[1].socket.is_open
    line.settle()
    assert not clients[1].socket.is_open
    assert bystander.socket.is_open
    line.links[0].cast("signed-out", b"what is this")
    line.settle()


async def test_signing_out_everywhere_is_heard_at_every_gateway() -> None:
    line, here, there = await two()
    client, renewed = (
        Client(there, claims=claims(here)),
        Client(there, claims=claims(here, epoch=1)),
    )
    account = AccountState(id="a", user_id=UserId("seller"), session_epoch=1, version=2)
    here.bus.publish(change_of(account))
    line.settle()
    assert not client.socket.is_open
    assert renewed.socket.is_open
    here.bus.publish(change_of(AccountState(id="a", user_id=UserId("seller"), version=1)))
    line.settle()
    assert renewed.socket.is_open  # That was a late word.


async def test_signing_out_everywhere_unheard_is_read() -> None:
    _, here, there = await two()
    client, stranger = Client(there, claims=claims(here)), Client(there)
    unsaid = claims(here)
    object.__setattr__(unsaid, "session_epoch", None)
    reader = Client(there, claims=unsaid)
    here.accounts[UserId("seller")] = 1
    there.is_away = True
    there.bus.lost()
    for _ in range(20):
        await asyncio.sleep(0)
    assert client.socket.is_open
    there.is_away = False
    await there.catch_up()
    assert not client.socket.is_open
    assert stranger.socket.is_open
    assert reader.socket.is_open


def change_of(account: AccountState) -> Change:
    return Change("account", account.id, account.version, account)
