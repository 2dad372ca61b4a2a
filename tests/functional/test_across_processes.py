"""What browsers and administrators are shown, whichever of several processes they reach."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed

from tests.functional.running_site import PASSWORD, call
from tests.functional.test_processes import COUNT, once, served, signs_up, token
from tests.support.live import LiveClient, opened
from tests.support.server import Server
from tests.support.wait import until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere connections are not spread over processes"
)

TICKETS = 20

SOCKETS = 10
"""On one address: that all of them reach the same of two processes is one case in five hundred."""


@asynccontextmanager
async def watchers(
    url: str, topic: str, headers: dict[str, str] | None = None
) -> AsyncIterator[list[LiveClient]]:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(opened(url, additional_headers=headers or {}))
            for _ in range(SOCKETS)
        ]
        for client in clients:
            await client.sub(topic)
        yield clients


async def sells(running: Server, bearer: dict[str, str], price: int = 20) -> str:
    said = {"title": "Row 1", "price": price}
    answer = await once(running.url, "POST", "/api/tickets", json=said, headers=bearer)
    assert answer.status == 201, answer.body
    ticket: str = answer.body["id"]
    return ticket


async def reprices(running: Server, ticket: str, bearer: dict[str, str], price: int) -> bool:
    said = {"title": "Row 1", "price": price}
    try:
        answer = await once(running.url, "PUT", f"/api/tickets/{ticket}", json=said, headers=bearer)
    except aiohttp.ClientError:
        return False
    return answer.status == 200


async def becomes_admin(running: Server, data_dir: Path, email: str) -> dict[str, str]:
    """The headers that *email* asks as an administrator with."""
    granted = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ticketing", "admin", "grant", email,
        env={**os.environ, "TICKETING_DATA_DIR": str(data_dir)},
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await granted.wait() == 0

    async def bearer() -> dict[str, str] | None:
        headers = {"Authorization": f"Bearer {await token(running.url, email)}"}
        answer = await once(running.url, "GET", "/api/admin/overview", headers=headers)
        return headers if answer.status == 200 else None

    headers = await until(bearer, "the role is theirs")
    assert headers is not None
    return headers


async def test_a_change_is_heard_at_every_gateway_also_when_one_has_died() -> None:
    async with served() as (running, _):
        bearer = {"Authorization": f"Bearer {(await signs_up(running.url))[1]}"}
        ticket = await sells(running, bearer)
        async with watchers(running.url, f"ticket:{ticket}") as clients:
            for price in range(21, 26):
                assert await reprices(running, ticket, bearer, price)
            await asyncio.gather(*(client.item(ticket, price=25) for client in clients))
            assert not any(client.replica.gaps for client in clients)
            os.kill(min(running.children()), signal.SIGKILL)
            await until(lambda: reprices(running, ticket, bearer, 26), "it can be changed", every=1)

            async def sees(client: LiveClient) -> bool:
                try:
                    await client.item(ticket, price=26)
                except ConnectionClosed:
                    return False  # Its gateway was the one.
                return True

            assert any(await asyncio.gather(*map(sees, clients)))


async def test_signing_out_is_heard_at_every_gateway() -> None:
    async with served() as (running, _), aiohttp.ClientSession() as http:
        email, _ = await signs_up(running.url)
        said = {"email": email, "password": PASSWORD}
        answer = await call(http, running.url, "POST", "/api/users/signin", json=said)
        session = answer.headers["Set-Cookie"].partition(";")[0]
        headers = {"Cookie": session, "Origin": running.url}
        async with watchers(running.url, "me", headers) as clients:
            out = await once(running.url, "POST", "/api/users/signout", json={}, headers=headers)
            assert out.status == 200, out.body
            assert (
                await asyncio.gather(*(client.closed() for client in clients)) == [4010] * SOCKETS
            )

        async def is_over() -> bool:
            """Whichever process answers: each request goes over a connection of its own."""
            asked = [once(running.url, "GET", "/api/orders", headers=headers) for _ in clients]
            return {answer.status for answer in await asyncio.gather(*asked)} == {401}

        # The word goes to all at one moment, and where it gets lost the rows are read in 2 s.
        await until(is_over, "the cookie is not good any more, at any process")


async def test_an_administrator_sees_all_processes_from_any_of_them() -> None:
    async with served() as (running, data_dir):
        email, access = await signs_up(running.url)
        seller = {"Authorization": f"Bearer {access}"}
        tickets = [await sells(running, seller) for _ in range(TICKETS)]
        admin = await becomes_admin(running, data_dir, email)

        async def seen(path: str) -> Any:
            answer = await once(running.url, "GET", path, headers=admin)
            assert answer.status == 200, answer.body
            return answer.body

        async def are_awake() -> bool:
            """Partitions may still move at the beginning, and what moves goes to sleep."""
            for ticket in tickets:
                assert await reprices(running, ticket, seller, 21)
            lines = await seen("/api/admin/actors?kind=ticket&limit=100")
            return len(lines) == TICKETS and len({line["node"] for line in lines}) == COUNT

        await until(are_awake, "the tickets are awake, at both nodes")
        overviews = [await seen("/api/admin/overview") for _ in range(SOCKETS)]
        assert len({each["node"] for each in overviews}) == COUNT
        for each in overviews:
            assert [node["isThis"] for node in each["nodes"]] == [True, False]
            assert all(node["answered"] and node["state"] == "up" for node in each["nodes"])
            assert each["residents"]["ticket"] == TICKETS
        lines = await seen("/api/admin/actors?kind=ticket&limit=100")
        for line in lines[:6]:
            path = f"/api/admin/actors/ticket/{line['key']}"
            actor = await seen(path)
            assert (actor["node"], actor["isResident"]) == (line["node"], True)
            done = await once(
                running.url, "POST", f"{path}/suspend", json={"reason": "a test"}, headers=admin
            )
            assert (done.status, done.body["status"]) == (200, "suspended"), json.dumps(done.body)
        async with aiohttp.ClientSession() as http, http.get(f"{running.url}/metrics") as response:
            families = list(text_string_to_metric_families(await response.text()))
        turns = next(each for each in families if each.name == "live_sockets")
        assert {sample.labels["node"] for sample in turns.samples} == {
            node["node"] for node in overviews[0]["nodes"]
        }
