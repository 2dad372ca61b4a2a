"""A socket's life: who it is in the course of time, and how it ends."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from actors import UnavailableError
from tests.functional.conftest import SiteFactory
from tests.functional.running_site import PUBLIC_URL, Site, bearer, cookie, signed_up
from tests.support.live import opened
from tests.support.wait import until
from web.live import hub, protocol


async def test_a_stranger_signs_in_in_place(site: Site) -> None:
    person, other = site.program(), site.program()
    ticket = await person.sells()
    async with opened(site.url) as client:
        assert (await client.sub("me"))["code"] == "unauthorized"
        await client.say(op="auth", id=1, token="nonsense")
        assert (await client.op("err"))["code"] == "unauthorized"
        await client.say(op="auth", id=2, token=person.token)
        welcome = await client.op("welcome")
        assert (welcome["id"], welcome["user"]) == (2, {"id": person.user_id})
        assert [item["id"] for item in (await client.sub("me"))["items"]] == [ticket["id"]]
        await client.say(op="auth", id=3, token=other.token)
        assert (await client.op("err"))["code"] == "forbidden"


async def test_a_socket_ends_with_its_token_unless_it_is_renewed(site: Site) -> None:
    person = site.program()
    soon = site.gateway.runtime.clock.now() + timedelta(seconds=2)
    brief = site.token(person.user_id, exp=soon)
    async with (
        opened(site.url, additional_headers=bearer(brief)) as ends,
        opened(site.url, additional_headers=bearer(brief)) as goes_on,
    ):
        await goes_on.say(op="auth", id=1, token=person.token)
        await goes_on.op("welcome")
        goodbye = await ends.op("bye")
        assert (goodbye["code"], goodbye["retry"]) == (4202, True)
        assert await ends.closed() == 4202
        await goes_on.say(op="ping", id=2)
        assert (await goes_on.op("pong"))["id"] == 2


@pytest.mark.parametrize("how", ["signout", "signout-everywhere"])
async def test_signing_out_ends_the_sockets_of_that_session(site: Site, how: str) -> None:
    async with await signed_up(site) as here, site.browser() as there:
        there.email = here.email
        if how == "signout":  # Elsewhere it is another session, whose sockets go on.
            said = {"email": here.email, "password": "correct horse battery"}
            assert (await there.call("POST", "/api/users/signin", json=said)).status == 200
        origin = {"Origin": PUBLIC_URL}
        async with opened(site.url, additional_headers=cookie(here) | origin) as mine:
            others = cookie(there if how == "signout" else here)
            async with opened(site.url, additional_headers=others | origin) as other:
                began_at = asyncio.get_running_loop().time()
                assert (await here.call("POST", f"/api/users/{how}", json={})).status == 200
                goodbye = await mine.op("bye")
                assert (goodbye["code"], goodbye["retry"]) == (4010, False)
                assert await mine.closed() == 4010
                if how == "signout":
                    await other.say(op="ping", id=1)
                    assert (await other.op("pong"))["id"] == 1
                else:
                    assert await other.closed() == 4010
                assert asyncio.get_running_loop().time() - began_at < 1


async def test_a_server_that_stops_says_goodbye_first(start_site: SiteFactory) -> None:
    site = await start_site()
    seller = site.program()
    ticket = await seller.sells()
    async with opened(site.url) as first, opened(site.url) as second:
        for client in (first, second):
            await client.sub(f"ticket:{ticket['id']}")
        async with asyncio.TaskGroup() as tasks:
            drained = tasks.create_task(site.gateway.live.drain())
            for client in (first, second):
                goodbye = await client.op("bye")
                assert (goodbye["code"], goodbye["retry"]) == (4200, True)
                assert 0 <= goodbye["afterSeconds"] <= 20
                assert await client.closed() == 4200
            await drained
        with pytest.raises(InvalidStatus) as refused:
            await opened(site.url).__aenter__()
        assert refused.value.response.status_code == 503
    assert not site.gateway.live.sockets


async def test_a_client_that_does_not_say_goodbye_is_not_waited_for(
    start_site: SiteFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_GOODBYE_SECONDS", 0.2)
    site = await start_site()
    async with site.http.ws_connect(f"{site.url}/ws", autoclose=False) as client:
        await client.receive()
        await site.gateway.live.drain()
        await until(lambda: not site.gateway.live.sockets, "it is cut off")


async def test_a_client_may_close_when_it_likes(site: Site) -> None:
    async with opened(site.url) as client:
        await client.connection.close(4321, "enough")
        assert client.connection.close_code == 4321


async def test_a_database_that_is_away_is_told_as_such(
    start_site: SiteFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await start_site()
    ticket = await site.program().sells()
    topic = f"ticket:{ticket['id']}"

    async def away(*_: Any) -> None:
        raise UnavailableError("away")

    monkeypatch.setattr(site.gateway.live.topics._loader, "_read", away)
    async with opened(site.url) as client:
        refusal = await client.sub(topic)
        assert (refusal["op"], refusal["code"], refusal["topic"]) == ("err", "unavailable", topic)
        assert refusal["retry"]
        assert refusal["afterSeconds"] > 0
        monkeypatch.undo()
        assert (await client.sub(topic))["mode"] == "snapshot"


async def test_heartbeats_come_by_themselves(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEARTBEAT_SECONDS", 0.0)
    async with opened(site.url) as client:
        async with asyncio.timeout(10):
            beat = json.loads(await client.connection.recv())
        assert beat["op"] == "hb"
        assert isinstance(beat["now"], int)


async def test_what_live_updates_count_is_shown(site: Site) -> None:
    async with opened(site.url) as client:
        await client.sub("tickets")
        text = (await site.call("GET", "/metrics")).body
    for name in ("live_sockets", "live_topics", "live_resumed_total", "live_push_seconds_bucket"):
        assert name in text
