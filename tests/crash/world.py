"""A real server that is started again whenever it dies, and what can be seen of it from outside."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec

from actors.postgres_session import CONNECTION_LOST
from tests.support import server
from tests.support.wait import until
from ticketing.embedded import home
from ticketing.fsck import Violation, check
from ticketing.payments.sandbox.books import FILE_NAME, Entry
from ticketing.payments.sandbox.objects import held_shape

# The database keeps its fsync: these tests are about what is there after a crash.
SETTINGS: Final = {
    "TICKETING_RATE_LIMITS": "off",
    "TICKETING_LIVE_RESERVATIONS_MAX": "1000",
    "TICKETING_FEE_PERCENT": "10",
}

# How long a client goes on trying: a restart takes two seconds, or ten on a machine that is busy.
PATIENCE_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 0.05

AT_SANDBOX: Final = {"Authorization": "Bearer sk_test_crash"}

# Of a log, when something has failed.
LINES_SHOWN: Final = 30

# What one meets when the database ends with the server.
_DOWN: Final = (*CONNECTION_LOST, asyncpg.PostgresError)

_BUSY: Final = """
select exists (
    select from inbox
    where kind not in ('watch', 'sweeper', 'reconciler') and key <> 'stripe' and parked_at is null
        and (name is null or due_at < clock_timestamp())
) or exists (select from payments where status = 'processing')
"""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Any


@dataclass
class World:
    """A server on a data folder, and everybody's way to it."""

    data_dir: Path
    log: Path
    settings: Mapping[str, str]
    http: aiohttp.ClientSession
    deaths: int = 0
    _server: server.Server | None = None
    _is_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, environment: Mapping[str, str]) -> None:
        settings = {**SETTINGS, **self.settings, **environment}
        self._server = await server.start(self.data_dir, self.log, settings)
        self._is_up.set()

    async def keep(self) -> None:
        """Start the server again, with nothing in its way, whenever it has died."""
        while True:
            assert self._server is not None
            await self._server.process.wait()
            self._is_up.clear()
            self.deaths += 1
            await self.start({})

    async def kill(self) -> None:
        """End the server where it stands; it comes back by itself."""
        await self._is_up.wait()
        assert self._server is not None
        await self._server.kill()

    async def stop(self) -> None:
        """Stop it properly."""
        if self._server is not None:
            await self._server.stop()

    async def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """An answer, however often the server dies before it gives one."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await self._try(method, path, headers, body)
                if answer is not None:
                    return answer
                await asyncio.sleep(PAUSE_SECONDS)

    async def _try(
        self, method: str, path: str, headers: Mapping[str, str] | None, body: Any
    ) -> Answer | None:
        await self._is_up.wait()
        assert self._server is not None
        try:
            async with self.http.request(
                method, self._server.url + path, headers=headers, json=body
            ) as response:
                is_json = response.content_type.endswith("json")
                said = await response.json() if is_json else await response.text()
        except (aiohttp.ClientError, ConnectionError):
            return None
        assert response.status != 500, f"{method} {path}: {said}"
        return None if response.status == 503 else Answer(response.status, said)

    async def at_sandbox(self, path: str, *, form: Any = None, json: Any = None) -> int:
        """The status that the payment sandbox beside the server answers a POST with.

        It is asked until it answers: it dies with the server, and moves.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                config = await self.call("GET", "/api/config")
                base = config.body["stripeJs"].removesuffix("/v3.js")
                try:
                    async with self.http.post(
                        base + path, data=form, json=json, headers=AT_SANDBOX
                    ) as answer:
                        return answer.status
                except (aiohttp.ClientError, ConnectionError):
                    await asyncio.sleep(PAUSE_SECONDS)

    async def rest(self) -> None:
        """Wait until nobody has anything left to say but what timers will say later."""

        async def is_at_rest() -> bool:
            return not await self.query(_BUSY)

        await until(is_at_rest, "everything is at rest", seconds=PATIENCE_SECONDS)

    async def query(self, sql: str) -> Any:
        """One value out of the database."""
        await self._is_up.wait()
        try:
            connection = await asyncpg.connect(self._dsn)
        except _DOWN:
            return True  # It died just now: nothing is known, least of all that it is at rest.
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    async def violations(self, *, at_rest: bool = True) -> list[Violation]:
        """What `fsck` finds, the payment sandbox's books included; nothing while it is down."""
        books = self.books()
        try:
            connection = await asyncpg.connect(self._dsn)
        except _DOWN:
            assert not at_rest, "the database has to be up"
            return []
        try:
            return await check(connection, sandbox_intents=books, at_rest=at_rest)
        except _DOWN:
            if at_rest:
                raise
            return []
        finally:
            connection.terminate()

    async def fsck(self) -> tuple[int | None, str]:
        """Exit status and output of `ticketing fsck`, beside the running server."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ticketing", "fsck"),
            env={**os.environ, "TICKETING_DATA_DIR": str(self.data_dir)},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    def books(self) -> list[dict[str, Any]]:
        """What the payment sandbox holds, from its own file, in which a last line may be torn."""
        content = (self.data_dir / "sandbox" / FILE_NAME).read_bytes().rpartition(b"\n")[0]
        entries = [msgspec.json.decode(line, type=Entry) for line in content.splitlines()]
        intents = {entry.intent.id: entry.intent for entry in entries if entry.intent is not None}
        refunds = {entry.refund.id: entry.refund for entry in entries if entry.refund is not None}
        return [
            held_shape(
                intent, [each for each in refunds.values() if each.payment_intent == intent.id]
            )
            for intent in intents.values()
        ]

    @property
    def _dsn(self) -> str:
        return home.look_up(self.data_dir).dsn()


@asynccontextmanager
async def running(
    folder: Path,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    """A world in *folder*; *environment* is that of the first life of the server only."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        world = World(folder / "var", folder / "server.log", settings or {}, http)
        await world.start(environment or {})
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(world.keep())
                try:
                    yield world
                except BaseException:
                    sys.stdout.write(f"{complaints(world.log)}\n")
                    raise
                finally:
                    keeping.cancel()
        finally:
            await world.stop()


def complaints(log: Path) -> str:
    """What the server logged last that is no news."""
    news = '"level": "info"'
    lines = [line for line in log.read_text().splitlines() if news not in line]
    return "\n".join(lines[-LINES_SHOWN:])


def dice(seed: int) -> random.Random:
    """Chances that can be taken again."""
    return random.Random(seed)  # noqa: S311 - not for secrets
