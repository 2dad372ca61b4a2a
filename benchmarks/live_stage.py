"""Who takes part in (h)-(m): our server, its watchers, and whoever makes the changes.

Each is a process of its own.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt

from benchmarks.stage import ENVIRONMENT, KEY, Process, Stage, process
from tests.support.wait import until

__all__ = ["Site", "Watchers", "changes", "running", "truth", "watching"]

EVENTS, SEATS = 10, 50
ANSWER_SECONDS = 60  # Of a server whose loop is held up, which is what is being looked for.


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A server that runs, with tickets for events, and their seller."""

    server: Process
    folder: Path
    token: str
    tickets: list[dict[str, Any]]

    @property
    def topics(self) -> list[str]:
        return sorted({f"event:{ticket['event']['id']}" for ticket in self.tickets})

    async def inside(self) -> dict[str, Any]:
        """What the server has seen of itself since the last time."""
        path = self.folder / "inside"
        path.unlink(missing_ok=True)
        os.kill(self.server.pid, signal.SIGUSR1)
        await until(path.exists, "the server tells of itself", seconds=ANSWER_SECONDS, every=0.01)
        found: dict[str, Any] = json.loads(path.read_text())
        return found


@asynccontextmanager
async def running(stage: Stage, name: str, events: int = EVENTS) -> AsyncIterator[Site]:
    """Our server with *events* of fifty tickets each."""
    dsn = await stage.database(name)
    async with process(
        stage.folder, name, ["-m", "benchmarks.live_server"], {"DATABASE_URL": dsn}
    ) as server:
        now = datetime.now(UTC)  # noqa: TID251 - a benchmark is not part of the product
        token = jwt.encode(
            {
                "sub": "seller", "email": "s@example.com", "iat": now, "jti": "1",
                "exp": now + timedelta(hours=1), "iss": "ticketing", "aud": "ticketing",
            },
            KEY,
        )  # fmt: skip
        tickets = await _offer(server.url, token, events)
        yield Site(server=server, folder=stage.folder / name, token=token, tickets=tickets)


async def _offer(url: str, token: str, events: int) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    tickets = []
    async with aiohttp.ClientSession(url, headers=headers) as http:
        for number in range(events):
            said = {
                "name": f"Derby {number}", "category": "sports", "venue": "Lake Arena",
                "city": "Oslo", "timeZone": "Europe/Oslo",
                "startsAt": (datetime.now(UTC) + timedelta(days=30)).isoformat(),  # noqa: TID251
            }  # fmt: skip
            event = await _made(http, "/api/events", said | {"distinct": True})
            for seat in range(SEATS):
                offer = {"title": "0", "price": 20, "eventId": event["id"], "seat": str(seat)}
                tickets.append(await _made(http, "/api/tickets", offer))
    return tickets


async def _made(http: aiohttp.ClientSession, path: str, said: Mapping[str, Any]) -> dict[str, Any]:
    async with http.post(path, json=said) as answer:
        made: dict[str, Any] = await answer.json()
        assert answer.status == 201, made
        return made


class Watchers:
    """The process of the watchers."""

    def __init__(self, running_process: asyncio.subprocess.Process) -> None:
        self._process = running_process

    async def ask(self, command: str = "report") -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        found: dict[str, Any] = json.loads(line)
        return found


@asynccontextmanager
async def watching(url: str, count: int, topics: list[str]) -> AsyncIterator[Watchers]:
    """*count* sockets, all subscribed."""
    pipe = asyncio.subprocess.PIPE
    running_process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.live_client", url, str(count), ",".join(topics),
        env=ENVIRONMENT, stdin=pipe, stdout=pipe, limit=2**20,
    )  # fmt: skip
    watchers = Watchers(running_process)
    try:
        connected = await watchers.answer()
        print(f"  {count} sockets in {connected['seconds']:.1f} s")
        yield watchers
    finally:
        running_process.kill()
        await running_process.wait()


async def changes(
    url: str, token: str, tickets: list[dict[str, Any]], *, rate: float, seconds: float
) -> dict[str, Any]:
    """Change one ticket after the other, so many a second."""
    pipe = asyncio.subprocess.PIPE
    generator = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.live_generator", url, token, str(rate), str(seconds),
        env=ENVIRONMENT, stdin=pipe, stdout=pipe,
    )  # fmt: skip
    ids = "\n".join(ticket["id"] for ticket in tickets)
    printed, _ = await generator.communicate(ids.encode())
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    if found["bad"]:
        raise RuntimeError(f"{found['bad']} changes were not made")
    return found


def truth(tickets: list[dict[str, Any]], versions: Mapping[str, int]) -> str:
    by_topic: dict[str, dict[str, int]] = {}
    for ticket in tickets:
        topic = f"event:{ticket['event']['id']}"
        by_topic.setdefault(topic, {})[ticket["id"]] = versions.get(ticket["id"], 1)
    return json.dumps(by_topic)
