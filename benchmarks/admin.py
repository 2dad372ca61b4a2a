"""(o), (p): what it takes to look inside a server that is at work, and what that costs the others.

So many orders are placed that twenty thousand actors and more are in memory, among two hundred
thousand tickets. (o) asks what the admin pages ask meanwhile. (p) compares the processor time of an
order with all admin pages open - the overview and an actor followed live, the list of actors asked
for every two seconds - and with none, in pairs that follow each other. Turns are noted for a while
after the last look, so before each round nobody does anything for that while: both begin alike.
"""

import asyncio
import itertools
import os
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from actors import Ids, SystemClock
from actors.directory import SWEEP_SECONDS
from actors.observer import OPEN_SECONDS
from benchmarks import market
from benchmarks.load import Result, drive
from benchmarks.stage import KEY, Process, Stage, process
from benchmarks.table import Row, percentile
from ticketing.auth.tokens import Tokens
from ticketing.values import ADMIN, UserId

__all__ = ["cost", "pages"]

TICKETS, TICKETS_QUICK = 200_000, 20_000
LIVE, LIVE_QUICK = 20_000, 2_000
SECONDS, SECONDS_QUICK = 10, 2
PAIRS, PAIRS_QUICK = 10, 2
PAGE_MILLISECONDS, COST = 200, 1.05

LIST_SECONDS: Final = 2.0
"""How often the page asks for the list of actors."""

UNNOTED_SECONDS: Final = OPEN_SECONDS + SWEEP_SECONDS + 1
"""How long after the last look nothing is noted any more."""

ORDERS_A_SECOND_MAX: Final = 4_000
"""More tickets than the generator can buy, so that it never has to buy one twice."""

API: Final = "/api/admin"

_NEXT: Final = re.compile('<(.*)>; rel="next"')


@dataclass(slots=True)
class Running:
    """A server at work, and an administrator who looks."""

    process: Process
    dsn: str
    folder: Path
    session: aiohttp.ClientSession
    lines: list[str]
    """What is still to be bought, "token ticket" each."""

    async def prepare(self, seconds: int) -> None:
        """Have tickets enough for a load of so long."""
        few = ORDERS_A_SECOND_MAX * seconds
        if len(self.lines) < few:
            self.lines += market.buyers(await market.offer(self.dsn, few), KEY)

    async def load(self, seconds: int) -> Result:
        """Have orders placed for so long, each for another ticket."""
        await self.prepare(seconds)
        few = ORDERS_A_SECOND_MAX * seconds
        at_hand = self.lines[:few]
        result = await drive(self.process.url, at_hand, self.folder, seconds, one=False)
        if result.bad:
            raise RuntimeError(f"{result.bad} answers that nobody wanted")
        # The generator's threads share the lines, but not evenly.
        self.lines = self.lines[min(few, round(result.per_second * seconds * 1.3)) :]
        return result

    async def get(self, path: str) -> tuple[Any, float, str | None]:
        """What is at *path*, the milliseconds that took, and where the next page is."""
        began = time.perf_counter()
        async with self.session.get(self.process.url + path) as response:
            response.raise_for_status()
            said = await response.json()
        took = (time.perf_counter() - began) * 1000
        following = _NEXT.match(response.headers.get("Link", ""))
        return said, took, following and following[1]

    async def sells_one(self) -> str:
        """A ticket that was offered and reserved as any other is, with both in its journal."""
        offer = {"title": "Stand 1", "price": 20}
        async with self.session.post(f"{self.process.url}/api/tickets", json=offer) as response:
            response.raise_for_status()
            ticket: str = (await response.json())["id"]
        token = {"Authorization": f"Bearer {self.lines.pop().split()[0]}"}
        async with self.session.post(
            f"{self.process.url}/api/orders", json={"ticketId": ticket}, headers=token
        ) as response:
            response.raise_for_status()
        return ticket

    async def is_resident(self, ticket: str) -> bool:
        said, _, _ = await self.get(f"{API}/actors/ticket/{ticket}")
        return bool(said["isResident"])

    async def puts_to_sleep(self, ticket: str) -> None:
        """Let the actor of *ticket* go from memory."""
        path = f"{self.process.url}{API}/actors/ticket/{ticket}/passivate"
        async with self.session.post(path, json={"reason": "It is to be looked at"}) as response:
            response.raise_for_status()

    async def residents(self) -> int:
        """How many actors are in memory."""
        overview, _, _ = await self.get(f"{API}/overview")
        return sum(overview["residents"].values())


async def pages(stage: Stage) -> list[Row]:
    """(o) What the admin pages ask, while orders run."""
    rounds: list[dict[str, list[float]]] = []
    residents: list[float] = []
    async with _at_work(stage, "o") as server:
        for _ in range(stage.rounds):
            awake, asleep = await server.sells_one(), await server.sells_one()
            await server.puts_to_sleep(asleep)
            times: dict[str, list[float]] = {}
            loading = asyncio.create_task(server.load(_seconds(stage)))  # noqa: TID251 - no runtime
            while not loading.done():
                await _look(server, awake, asleep, times)
            orders = await loading
            if not await server.is_resident(awake) or await server.is_resident(asleep):
                raise RuntimeError("the actors that were looked at are not where they should be")
            rounds.append(times)
            residents.append(await server.residents())
            looks = sum(map(len, times.values()))
            print(
                f"  (o) {looks} looks beside {orders.per_second:.0f} orders/s,"
                f" {residents[-1]:.0f} actors in memory"
            )
    return [
        *(
            Row(
                title=f"(o) {name}: p95",
                unit="ms",
                values=[percentile(times[name], 0.95) for times in rounds],
                at_most=PAGE_MILLISECONDS,
            )
            for name in rounds[0]
        ),
        Row(title="(o) actors in memory meanwhile", unit="", values=residents),
    ]


async def _look(server: Running, awake: str, asleep: str, times: dict[str, list[float]]) -> None:
    """Once at everything."""
    actors = f"{API}/actors"
    asked = {
        "the overview": f"{API}/overview",
        "actors, most restarts first": f"{actors}?sort=restarts",
        "actors, fullest mailbox first": f"{actors}?sort=mailbox",
        "actors of one kind": f"{actors}?kind=ticket",
        "an actor in memory": f"{actors}/ticket/{awake}",
        "an actor asleep": f"{actors}/ticket/{asleep}",
        "the journal of one in memory": f"{actors}/ticket/{awake}/journal",
        "the journal of one asleep": f"{actors}/ticket/{asleep}/journal",
        "timers": f"{API}/timers",
    }
    following = None
    for name, path in asked.items():
        _, took, next_page = await server.get(path)
        times.setdefault(name, []).append(took)
        following = following or next_page
    assert following is not None
    _, took, _ = await server.get(following)
    times.setdefault("actors, the second page", []).append(took)


async def cost(stage: Stage) -> list[Row]:
    """(p) Processor time an order, with the admin pages open and closed."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    async with _at_work(stage, "p") as server:
        for number in range(PAIRS_QUICK if stage.quick else PAIRS):
            for is_open in (True, False) if number % 2 == 0 else (False, True):
                spent[is_open].append(await _round(server, _seconds(stage), is_open))
            opened, closed = spent[True][-1], spent[False][-1]
            print(
                f"  (p) open {opened:.1f} us, closed {closed:.1f} us: {opened / closed:.3f}",
                flush=True,
            )
    ratios = [opened / closed for opened, closed in zip(spent[True], spent[False], strict=True)]
    title = "(p) processor time an order"
    return [
        Row(title=f"{title}, admin pages open / closed", unit="x", values=ratios, at_most=COST),
        Row(title=f"{title}, open", unit="us", values=spent[True]),
        Row(title=f"{title}, closed", unit="us", values=spent[False]),
    ]


async def _round(server: Running, seconds: int, is_open: bool) -> float:  # noqa: FBT001 - a switch
    """Microseconds of the server's processor time an order."""
    await server.prepare(seconds)
    await asyncio.sleep(UNNOTED_SECONDS)
    watching = []
    if is_open:
        ticket = await server.sells_one()
        watching = [asyncio.create_task(each) for each in _page(server, ticket)]  # noqa: TID251
    before = _processor_seconds(server.process.pid)
    result = await server.load(seconds)
    spent = _processor_seconds(server.process.pid) - before
    for task in watching:
        if task.done():
            task.result()  # It has failed: nothing was watched.
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    print(
        f"  (p) {'open' if is_open else 'closed'} at {result.per_second:.0f} orders/s", flush=True
    )
    return spent / (result.per_second * seconds) * 1e6


def _page(server: Running, ticket: str) -> Sequence[Any]:
    return (
        _follow(server, ["admin:overview", f"admin:actor:ticket:{ticket}"]),
        _list_again_and_again(server),
    )


async def _follow(server: Running, topics: list[str]) -> None:
    async with server.session.ws_connect(
        f"{server.process.url}/ws", protocols=["tickets.v1"]
    ) as ws:
        welcome = await ws.receive_json()
        assert welcome["op"] == "welcome"
        await ws.send_json({"op": "sub", "topics": [{"topic": topic} for topic in topics]})
        async for message in ws:
            said = message.json()
            if said["op"] in {"err", "gone"}:
                raise RuntimeError(f"not told: {said}")


async def _list_again_and_again(server: Running) -> None:
    for sort in itertools.cycle(("restarts", "mailbox", "key")):
        await server.get(f"{API}/actors?sort={sort}&limit=50")
        await asyncio.sleep(LIST_SECONDS)


@asynccontextmanager
async def _at_work(stage: Stage, name: str) -> AsyncIterator[Running]:
    """A server with that many tickets and actors in memory."""
    dsn = await stage.database(f"{name}_admin")
    offered = await market.offer(dsn, TICKETS_QUICK if stage.quick else TICKETS)
    async with (
        process(stage.folder, name, ["-m", "ticketing", "serve"], {"DATABASE_URL": dsn}) as running,
        aiohttp.ClientSession(headers=_credentials()) as session,
    ):
        server = Running(running, dsn, stage.folder, session, market.buyers(offered, KEY))
        live = 0
        while live < (LIVE_QUICK if stage.quick else LIVE):
            await server.load(_seconds(stage))
            live = await server.residents()
        print(f"  ({name}) {live} actors in memory, of {len(offered)} tickets")
        yield server


def _credentials() -> Mapping[str, str]:
    clock = SystemClock()
    token = Tokens(KEY, None, "ticketing", "ticketing", clock).issue(
        user_id=UserId(Ids(clock).new()), email="a@example.com", roles=(ADMIN,), session_epoch=0
    )
    return {"Authorization": f"Bearer {token}"}


def _seconds(stage: Stage) -> int:
    return SECONDS_QUICK if stage.quick else SECONDS


def _processor_seconds(pid: int) -> float:
    """What the process *pid* has had of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
