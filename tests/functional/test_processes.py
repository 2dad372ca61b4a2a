"""`ticketing serve --processes 2`: a parent and its children, with all there is for real."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
import psutil
import pytest

from tests.functional.running_site import PASSWORD, Answer, call
from tests.support import postgres, server
from tests.support.server import Server
from tests.support.wait import until
from ticketing.embedded import home as homes

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere connections are not spread over processes"
)

COUNT = 2
SETTINGS = {"TICKETING_LEASE_SECONDS": "2", "TICKETING_RATE_LIMITS": "off"}
BACK_SECONDS = 60.0


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, Path]]:
    """A parent with its children, and its data folder."""
    with postgres.data_folder() as folder:
        data_dir = folder / "var"
        async with server.running(
            data_dir, folder / "server.log", SETTINGS, ("--processes", str(COUNT))
        ) as running:
            yield running, data_dir
        await until(lambda: not left_behind(data_dir), "nobody is left behind")
        homes.remove(homes.look_up(data_dir))


def left_behind(data_dir: Path) -> list[str]:
    """All processes that have to do with the data folder."""
    said = [words(each) for each in psutil.process_iter()]
    return [" ".join(one) for one in said if any(word.startswith(str(data_dir)) for word in one)]


def words(process: psutil.Process) -> list[str]:
    """What a process was started with; nothing if it has ended."""
    try:
        return [*process.cmdline(), process.environ().get("TICKETING_DATA_DIR", "")]
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return []


async def once(url: str, method: str, path: str, **options: object) -> Answer:
    """One request on a connection of its own, so that any of the processes may get it."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        return await call(http, url, method, path, **options)


async def signs_up(url: str) -> tuple[str, str]:
    """Somebody new: their address, and a token."""
    email = f"{uuid4()}@example.com"
    said = {"email": email, "password": PASSWORD}
    made = await once(url, "POST", "/api/users/signup", json=said)
    assert made.status == 201, made.body
    return email, await token(url, email)


async def token(url: str, email: str) -> str:
    said = {"email": email, "password": PASSWORD}
    answer = await once(url, "POST", "/api/users/token", json=said)
    assert answer.status == 200, answer.body
    access: str = answer.body["accessToken"]
    return access


async def test_one_address_one_line_and_a_clean_end() -> None:
    async with served() as (running, _):
        assert len(running.children()) == COUNT
        seller = {"Authorization": f"Bearer {(await signs_up(running.url))[1]}"}
        made = [
            await once(
                running.url, "POST", "/api/tickets",
                json={"title": f"Row {number}", "price": 20}, headers=seller,
            )
            for number in range(20)
        ]  # fmt: skip
        assert {answer.status for answer in made} == {201}
        nodes = running.children()
        assert await running.stop() == 0
        assert running.process.stdout is not None
        assert await running.process.stdout.read() == b""
        assert not any(psutil.pid_exists(each) for each in nodes)


async def test_a_child_that_is_killed_comes_back() -> None:
    async with served() as (running, _):
        before = running.children()
        os.kill(min(before), signal.SIGKILL)
        after = await until(
            lambda: len(now := running.children()) == COUNT and now != before and now,
            "there is another child",
            seconds=BACK_SECONDS,
        )
        assert after & before, "the other child goes on"

        async def trades() -> bool:
            try:
                await signs_up(running.url)
            except (AssertionError, aiohttp.ClientError):
                return False
            return True

        await until(trades, "all is well", seconds=BACK_SECONDS)


async def test_a_parent_that_is_killed_leaves_nobody_behind() -> None:
    async with served() as (running, data_dir):
        assert left_behind(data_dir)
        await running.kill()
        await until(lambda: not left_behind(data_dir), "everybody has ended")


async def test_a_role_is_granted_while_many_processes_run() -> None:
    async with served() as (running, data_dir):
        email, _ = await signs_up(running.url)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ticketing", "admin", "grant", email,
            env={**os.environ, "TICKETING_DATA_DIR": str(data_dir)},
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await process.wait() == 0

        async def is_admin() -> bool:
            bearer = {"Authorization": f"Bearer {await token(running.url, email)}"}
            answer = await once(running.url, "GET", "/api/admin/overview", headers=bearer)
            return answer.status == 200

        await until(is_admin, "the role is theirs")
