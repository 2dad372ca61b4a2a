"""The proxy does what it says, with a server that echoes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.cluster.chaos_proxy import Mode, Proxy
from tests.support.postgres import data_folder
from tests.support.wait import until


class World:
    """An echo, a proxy before it, and what has arrived at the echo."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.proxy = Proxy("")
        self.port = 0

    async def echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(100):
                self.heard += chunk
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def standing(socket: Path | None = None) -> AsyncIterator[World]:
    world = World()
    if socket is None:
        server = await asyncio.start_server(world.echo, "127.0.0.1", 0)
        world.proxy.target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        server = await asyncio.start_unix_server(world.echo, socket)
        world.proxy.target = str(socket)
    async with server:
        world.port = await world.proxy.start()
        yield world
        world.proxy.stop()


async def is_silent(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await reader.read(1)
    except TimeoutError:
        return True
    return False


async def test_it_passes_what_is_said() -> None:
    async with standing() as world:
        reader, writer = await world.open()
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()


async def test_it_reaches_a_unix_socket() -> None:
    with data_folder() as folder:
        async with standing(folder / "socket") as world:
            reader, writer = await world.open()
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()


@pytest.mark.parametrize(
    ("mode", "arrives"), [("blackhole", False), ("up_hole", False), ("down_hole", True)]
)
async def test_what_it_holds_back_comes_later(mode: Mode, *, arrives: bool) -> None:
    async with standing() as world:
        reader, writer = await world.open()
        writer.write(b"1")
        await reader.readexactly(1)
        world.proxy.set(mode)
        writer.write(b"2")
        assert await is_silent(reader)
        assert (world.heard == b"12") is arrives
        world.proxy.set("pass")
        assert await reader.readexactly(1) == b"2"
        writer.close()


async def test_some_are_held_back_and_others_not() -> None:
    async with standing() as world:
        people = [await world.open() for _ in range(2)]
        for reader, writer in people:
            writer.write(b"1")
            await reader.readexactly(1)
        world.proxy.set("some")
        for _, writer in people:
            writer.write(b"2")
        assert sorted([await is_silent(reader) for reader, _ in people]) == [False, True]
        world.proxy.set("pass")
        await until(lambda: world.heard == b"1122", "what was held back has arrived")
        for _, writer in people:
            writer.close()


async def test_nobody_is_there() -> None:
    async with standing() as world:
        reader, writer = await world.open()
        writer.write(b"1")
        await reader.readexactly(1)
        world.proxy.set("refuse")
        with pytest.raises(ConnectionError):
            await reader.readexactly(1)
        writer.close()
        reader, writer = await world.open()
        assert await reader.read(1) == b""
        writer.close()


async def test_a_cut_loses_the_answer_and_not_the_question() -> None:
    async with standing() as world:
        reader, writer = await world.open()
        world.proxy.cut_after(3)
        writer.write(b"ab")
        assert await reader.readexactly(2) == b"ab"
        writer.write(b"cd")
        with pytest.raises(ConnectionError):
            await reader.readexactly(1)
        await until(lambda: world.heard == b"abcd", "the question has arrived")
        assert world.proxy.cuts == 1
        writer.close()
        reader, writer = await world.open()
        writer.write(b"again")
        assert await reader.readexactly(5) == b"again"
        writer.close()
