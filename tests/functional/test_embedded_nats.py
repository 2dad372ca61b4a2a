"""The nats-server that `--processes` brings along."""

import asyncio
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from actors.nats_link import NatsLink
from tests.support.wait import until
from ticketing.embedded.nats import EmbeddedNats
from ticketing.embedded.nats import NatsError as StartError


def servers() -> list[psutil.Process]:
    """The nats-servers that this process has started."""
    return [
        each
        for each in psutil.Process().children(recursive=True)
        if each.name() == "nats-server" and each.status() != psutil.STATUS_ZOMBIE
    ]


async def stranger(url: str) -> str:
    """What is said to somebody without a token."""
    at = urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said.decode()


async def test_it_serves_who_knows_the_token_and_nobody_else(tmp_path: Path) -> None:
    async with await EmbeddedNats.open(tmp_path, log=lambda _: None) as server:
        link = NatsLink(server.url)
        await link.open()
        await until(lambda: link.is_up, "who knows the token is let in")
        await link.close()
        assert "Authorization" in await stranger(server.url)
        token = server.url.split("//")[1].split("@")[0]
        (process,) = servers()
        assert token not in " ".join(process.cmdline())
        assert (tmp_path / "nats" / "nats.conf").stat().st_mode & 0o077 == 0
        assert {each.laddr.ip for each in process.net_connections() if each.status == "LISTEN"} == {
            "127.0.0.1"
        }
    assert servers() == []


async def test_when_it_is_killed_it_comes_back_where_it_was(tmp_path: Path) -> None:
    said: list[str] = []
    async with await EmbeddedNats.open(tmp_path, log=said.append) as server:
        link = NatsLink(server.url)
        downs: list[int] = []
        await link.open()
        await until(lambda: link.is_up, "the link is up")
        link.when_back(lambda: downs.append(1))
        (process,) = servers()
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda: downs == [1] and link.is_up, "it is back at its address")
        await link.close()
        assert any("starting it again" in line for line in said)


async def test_a_program_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="TICKETING_NATS_BIN"):
        await EmbeddedNats.open(tmp_path, log=lambda _: None, binary=tmp_path / "nowhere")
