"""A database that is taken away from a running server for a while, and given back."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil

from tests.crash.people import Person
from tests.crash.world import Answer, World, complaints
from tests.support.wait import until
from ticketing.embedded import home as homes
from ticketing.embedded import server as servers

PAIRS: Final = 4
"""A seller and a buyer each, who trade as fast as they are answered."""

ANSWERED_WITHIN_SECONDS: Final = 17.0
"""A look at the database (5 s) and an ask (10 s), and a little for a busy machine."""

BACK_WITHIN_SECONDS: Final = 10.0
"""Ten times the promise."""


@dataclass
class Database:
    """A PostgreSQL of the test's own, with `fsync` as in production."""

    home: homes.Home
    tools: homes.Tools
    server: servers.Server

    @property
    def dsn(self) -> str:
        return self.home.dsn()

    def signal(self, number: signal.Signals) -> None:
        """Send *number* to the postmaster and all that it has started."""
        pid_file = self.home.cluster / "postmaster.pid"
        postmaster = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        # The postmaster first: it would start a killed child again.
        for process in (postmaster, *postmaster.children(recursive=True)):
            process.send_signal(number)

    async def start(self) -> None:
        """Start it again; whoever asks what it runs takes note of its end, else it is a zombie."""
        await until(lambda: not self.server.running(), "the killed server has ended")
        self.server = await servers.start(self.home, self.tools, {}, print)


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Database]:
    """A server in *folder* as long as the context lasts."""
    folder.mkdir()
    home, tools = homes.settle(folder, None, print)
    await servers.initialise(home, tools, durable=True)
    made = Database(home, tools, await servers.start(home, tools, {}, print))
    try:
        yield made
    finally:
        await made.server.stop(print)
        homes.remove(home)


@dataclass(frozen=True)
class Attempt:
    """One request and what came back, at once or late."""

    began: float
    ended: float
    method: str
    path: str
    status: int
    retry_after: str | None


@dataclass
class Outages(World):
    """A server on a database that can be taken away; every attempt of everybody is noted."""

    database_dsn: str = ""
    attempts: list[Attempt] = field(default_factory=list)

    async def _try(
        self, method: str, path: str, headers: Mapping[str, str] | None, body: Any
    ) -> Answer | None:
        began = now()
        async with self.http.request(
            method, self.url + path, headers=headers, json=body
        ) as response:
            is_json = response.content_type.endswith("json")
            said = await response.json() if is_json else await response.text()
        retry_after = response.headers.get("Retry-After")
        self.attempts.append(Attempt(began, now(), method, path, response.status, retry_after))
        assert response.status != 500, f"{method} {path}: {said}"
        return None if response.status == 503 else Answer(response.status, said)

    @property
    def url(self) -> str:
        assert self._server is not None
        return self._server.url

    @property
    def _dsn(self) -> str:
        return self.database_dsn

    async def metric(self, name: str) -> float:
        """The sum of all samples of *name*."""
        text = (await self.call("GET", "/metrics")).body
        lines = [line for line in text.splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@asynccontextmanager
async def running(folder: Path, found: Database) -> AsyncIterator[Outages]:
    """A server on *found*."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        settings = {"DATABASE_URL": found.dsn}
        world = Outages(
            folder / "var", folder / "server.log", settings, http, database_dsn=found.dsn
        )
        await world.start({})
        try:
            yield world
        except BaseException:
            sys.stdout.write(f"{complaints(world.log)}\n")
            raise
        finally:
            await world.stop()


@dataclass
class Market:
    """Pairs who trade without a pause until they are told to stop."""

    world: Outages
    people: list[Person] = field(default_factory=list)
    purchases: int = 0
    _is_closing: bool = False

    async def open(self) -> None:
        for number in range(2 * PAIRS):
            person = Person(self.world, f"person{number}@outage.test", seed=number)
            await person.signs_up()
            self.people.append(person)

    async def trade(self) -> None:
        """Everybody trades, somebody looks around, and a probe probes."""
        async with asyncio.TaskGroup() as tasks:
            for seller, buyer in zip(self.people[::2], self.people[1::2], strict=True):
                tasks.create_task(self._trade(seller, buyer))
            for path in ("/api/tickets", "/readyz"):
                tasks.create_task(self._look(path))

    def close(self) -> None:
        self._is_closing = True

    async def traded(self, more: int) -> None:
        """Returns when there have been so many more purchases."""
        wanted = self.purchases + more
        await until(lambda: self.purchases >= wanted, f"{more} more purchases")

    async def _trade(self, seller: Person, buyer: Person) -> None:
        while not self._is_closing:
            ticket = await seller.lists("Outage")
            ordered = await buyer.orders(ticket)
            assert ordered.status == 201, ordered
            paid = await buyer.pays(ordered.body, "tok_visa")
            assert paid.status == 201, paid
            self.purchases += 1

    async def _look(self, path: str) -> None:
        while not self._is_closing:
            answer = await self.world.call("GET", path)
            assert answer.status == 200, answer
            await asyncio.sleep(0.02)


def now() -> float:
    """The time of attempts."""
    return asyncio.get_running_loop().time()


def first_success(attempts: Sequence[Attempt], after: float) -> float:
    """Seconds from *after* until a change that was asked for since was made."""
    made = [each.ended - after for each in attempts
            if each.began >= after and each.method == "POST" and each.status == 201]  # fmt: skip
    return min(made, default=float("inf"))
