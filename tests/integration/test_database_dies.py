"""The embedded PostgreSQL ends under `serve`, as an out-of-memory killer would end it.

The processes here are real and are really killed. `fsync` stays on, as in production.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp

from tests.support import postgres, server
from tests.support.server import Server
from tests.support.wait import until
from ticketing.embedded import home as homes

SECRET = "correct horse battery"


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, aiohttp.ClientSession, Path]]:
    """A running server, somebody's way to it, and its data folder."""
    with postgres.data_folder() as folder:
        async with (
            server.running(folder / "var", folder / "server.log") as running,
            aiohttp.ClientSession() as http,
        ):
            yield running, http, folder / "var"
        homes.remove(homes.look_up(folder / "var"))


def postmaster(data_dir: Path) -> int:
    """The process that is the database; 0 while there is none."""
    pid_file = homes.look_up(data_dir).cluster / "postmaster.pid"
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return 0


async def sign_up(running: Server, http: aiohttp.ClientSession, email: str) -> int:
    said = {"email": email, "password": SECRET}
    async with http.post(f"{running.url}/api/users/signup", json=said) as answer:
        if answer.status == 503:
            assert answer.headers["Retry-After"]
        return answer.status


async def test_a_database_that_was_killed_is_started_again_under_the_server() -> None:
    async with served() as (running, http, data_dir):
        assert await sign_up(running, http, "before@killed.test") == 201
        killed = postmaster(data_dir)
        os.kill(killed, signal.SIGKILL)
        statuses: list[int] = []

        async def works() -> bool:
            statuses.append(await sign_up(running, http, f"{uuid4()}@killed.test"))
            return statuses[-1] == 201

        await until(works, "somebody can sign up again")
        assert set(statuses) <= {201, 503}
        assert 503 in statuses
        assert postmaster(data_dir) not in {0, killed}
        assert await sign_up(running, http, "before@killed.test") == 409
        assert running.process.returncode is None
    assert running.process.returncode == 0


async def test_a_database_that_cannot_be_started_again_ends_the_server() -> None:
    async with served() as (running, http, data_dir):
        assert await sign_up(running, http, "before@gone.test") == 201
        # What a server looks for first, and what only people could bring back.
        (homes.look_up(data_dir).cluster / "global" / "pg_control").unlink()
        os.kill(postmaster(data_dir), signal.SIGKILL)
        async with asyncio.timeout(server.STOP_SECONDS):
            assert await running.process.wait() == 1
        lines = running.log.read_text()
        assert lines.count("starting it again") == 5
        assert lines.count("serve.failed") == 1
        assert "Traceback" not in lines.rpartition("starting it again")[2]
