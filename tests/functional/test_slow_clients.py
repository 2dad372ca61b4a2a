"""Who sends slowly, without an end, or too much at once: they are cut off, and nobody waits.

The product waits for seconds; here it waits for less, so that the tests need not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from tests.functional.running_site import Program, Site
from tests.support.wait import until
from web import bodies, server

PATIENCE = 0.3

HEAD = (
    b"POST /api/users/signin HTTP/1.1\r\nHost: tickets.test\r\nContent-Type: application/json\r\n"
)


@asynccontextmanager
async def connected(site: Site) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of one's own, on which anything may be said."""
    address = urlsplit(site.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def drips(writer: asyncio.StreamWriter, text: bytes) -> None:
    """Send *text* a byte at a time, until the other side has had enough."""
    for number in range(len(text)):
        if writer.is_closing():
            return
        writer.write(text[number : number + 1])
        await asyncio.sleep(PATIENCE / 10)


async def is_served(site: Site) -> bool:
    return (await site.call("GET", "/api/tickets")).status == 200


async def test_a_head_that_comes_a_byte_at_a_time_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", PATIENCE)
    async with connected(site) as (reader, writer), asyncio.TaskGroup() as tasks:
        dripping = tasks.create_task(drips(writer, HEAD * 100))
        assert await is_served(site)
        assert await reader.read() == b""
        dripping.cancel()


async def test_a_body_that_comes_a_byte_at_a_time_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_SECONDS", PATIENCE)
    async with connected(site) as (reader, writer), asyncio.TaskGroup() as tasks:
        writer.write(HEAD + b"Content-Length: 60000\r\n\r\n")
        dripping = tasks.create_task(drips(writer, b" " * 60_000))
        assert await is_served(site)
        assert b" 408 " in await reader.readline()
        dripping.cancel()


async def test_a_connection_that_is_used_again_may_rest_in_between(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", PATIENCE)
    async with connected(site) as (reader, writer):
        for _ in range(2):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: tickets.test\r\n")
            await asyncio.sleep(PATIENCE / 3)
            writer.write(b"\r\n")
            assert b" 200 " in await reader.readline()
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(PATIENCE * 2)
        assert not reader.at_eof()


async def test_who_connects_and_says_nothing_is_not_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_KEEP_ALIVE_SECONDS", PATIENCE)
    async with connected(site) as (silent, _), connected(site) as (reader, writer):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: tickets.test\r\n\r\n")
        assert b" 200 " in await reader.readline()
        assert await silent.read() == b""
        await reader.read()
    assert await is_served(site)


async def test_a_head_without_an_end_is_cut_off(site: Site) -> None:
    async with connected(site) as (reader, writer):
        writer.write(HEAD + b"X-Filler: " + b"x" * 100_000)
        assert b" 400 " in (await reader.read()).partition(b"\r\n")[0]
        assert await is_served(site)


async def test_many_heads_without_an_end_keep_nobody_waiting(
    site: Site, anybody: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", PATIENCE)
    async with asyncio.TaskGroup() as tasks:
        ended: list[bytes] = []

        async def one() -> None:
            async with connected(site) as (reader, writer):
                writer.write(HEAD)
                ended.append(await reader.read())

        for _ in range(200):
            tasks.create_task(one())
        assert (await anybody.sells())["status"] == "available"
        await until(lambda: len(ended) == 200, "every one of them has been hung up on")
    assert set(ended) == {b""}


async def test_a_flood_of_requests_on_one_connection_is_answered_in_order(site: Site) -> None:
    async with connected(site) as (reader, writer):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: tickets.test\r\n\r\n" * 500)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: tickets.test\r\nConnection: close\r\n\r\n")
        assert await is_served(site)
        assert (await reader.read()).count(b"HTTP/1.1 200 OK") == 501
