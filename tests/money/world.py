"""A real server that dies again and again, and a payment sandbox that does not."""

import asyncio
import random
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import asyncpg

from tests.crash import world as crash
from tests.money import sandbox as sandboxes
from tests.money.sandbox import Sandbox
from tests.support.wait import until
from ticketing.fsck import Violation, check
from ticketing.payments.webhooks import WEBHOOKS

# After the weather: what failed is tried again within a minute, a lost webhook is found out by the
# sweep within seconds, and a reservation lapses.
REST_SECONDS: Final = 180.0

BETWEEN: Final = (
    "stripe.authorise.after",
    "commit.before:payments.authorised",
    "commit.after:tickets.sell",
    "commit.after:payments.authorised",
    "stripe.capture.before",
)
"""Places that a purchase passes after the money is authorised and before it is captured."""

# Timers of what is still to come are no work, nor is who looks around in intervals.
BUSY: Final = """
select exists (
    select from inbox
    where kind not in ('watch', 'sweeper', 'reconciler') and key <> 'stripe' and parked_at is null
        and (name is null or due_at < clock_timestamp())
) or exists (
    select from orders where status in ('created', 'awaiting:payment')
) or exists (
    select from payments p cross join lateral jsonb_array_elements(p.attempts) as a
    where a ->> 'status' in
        ('started', 'action_required', 'authorised', 'settled', 'voiding', 'refunding')
)
"""


class Fate(NamedTuple):
    """When a server dies: at *place*, if it gets there, but after so many *seconds* at the latest.

    None: it is let live.
    """

    seconds: float | None = None
    place: str | None = None


Fates = Callable[[], Fate]


@dataclass
class MoneyWorld(crash.World):
    """A server, everybody's way to it, and the sandbox that it pays with."""

    sandbox: Sandbox = field(kw_only=True)
    fates: Fates = field(kw_only=True)
    caught: list[frozenset[str]] = field(default_factory=list)
    """For each death, the intents that were authorised and not captured when it had come."""
    _fate: Fate = field(default_factory=Fate)

    async def begin(self) -> None:
        """Start the first server."""
        await self.start({})

    async def start(self, environment: Mapping[str, str]) -> None:
        self._fate = self.fates()
        place = {} if self._fate.place is None else {"TICKETING_FAILPOINT": self._fate.place}
        await super().start({**environment, **place})

    async def keep(self) -> None:
        """Have each server meet its fate, and start another one."""
        while True:
            assert self._server is not None
            try:
                async with asyncio.timeout(self._fate.seconds):
                    await self._server.process.wait()
            except TimeoutError:
                await self._server.kill()
            self._is_up.clear()
            self.deaths += 1
            held = await self.sandbox.held()
            self.caught.append(
                frozenset(each["id"] for each in held if each["status"] == "requires_capture")
            )
            await self.start({})

    async def kills_between(self) -> int:
        """How many deaths came when money was authorised that has been captured since."""
        held = await self.sandbox.held()
        captured = {each["id"] for each in held if each["amount_received"]}
        return sum(not captured.isdisjoint(caught) for caught in self.caught)

    async def lives_in_peace(self) -> None:
        """Let nobody die from now on, and whoever was bound to die do it now."""
        self.fates = peace
        if self._fate != peace():
            deaths = self.deaths
            await self.kill()
            await until(lambda: self.deaths > deaths, "the last of the mortals is dead")

    async def settles(self) -> None:
        """Wait until orders and payments have come to their ends, and nobody has more to say."""

        async def is_settled() -> bool:
            return not await self.query(BUSY)

        await until(is_settled, "everything has come to its end", seconds=REST_SECONDS, every=0.1)

    async def violations(self, *, at_rest: bool = True) -> list[Violation]:
        held = await self.sandbox.held()
        connection = await asyncpg.connect(self._dsn)
        try:
            return await check(connection, sandbox_intents=held, at_rest=at_rest)
        finally:
            connection.terminate()

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        """What *sql* selects, from a server that is left in peace."""
        connection = await asyncpg.connect(self._dsn)
        try:
            return [dict(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()


@asynccontextmanager
async def running(
    folder: Path, fates: Fates, settings: Mapping[str, str]
) -> AsyncIterator[MoneyWorld]:
    """A world in *folder*: a sandbox, and a server as *fates* let it live."""
    port = free_port()
    url = f"http://127.0.0.1:{port}{WEBHOOKS}"
    async with (
        sandboxes.running(folder, url) as sandbox,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        settings = {
            "TICKETING_PORT": str(port),
            "STRIPE_API_BASE": sandbox.base,
            "STRIPE_KEY": "sk_test_money",
            "STRIPE_WEBHOOK_SECRETS": sandboxes.WEBHOOK_SECRET,
            **settings,
        }
        world = MoneyWorld(
            folder / "var", folder / "server.log", settings, http, sandbox=sandbox, fates=fates
        )
        await world.begin()
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(world.keep())
                try:
                    yield world
                except BaseException:
                    sys.stdout.write(f"{crash.complaints(world.log)}\n")
                    raise
                finally:
                    keeping.cancel()
        finally:
            await world.stop()


def free_port() -> int:
    """One that nobody listens on: every server of a world has the same, for the webhooks."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def peace() -> Fate:
    """Nobody dies."""
    return Fate()


def sudden_deaths(chances: random.Random, *, mean_seconds: float, often: float) -> Fates:
    """Deaths that come after *mean_seconds* on average, a share of them (*often*) in `BETWEEN`."""

    def fate() -> Fate:
        seconds = chances.expovariate(1 / mean_seconds)
        if chances.random() >= often:
            return Fate(seconds)
        # At the pace of these runs a place is passed more than once a second.
        place, nth = chances.choice(BETWEEN), chances.randint(1, round(2.5 * mean_seconds))
        return Fate(3 * mean_seconds, f"{place}#{nth}")

    return fate
