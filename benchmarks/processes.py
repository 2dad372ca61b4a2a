"""Orders a second of several processes against one, with the same load from the same generator.

- Two processes that do everything, and share the port, against one.
- The gateway apart from the rest, and what each part of such a deployment spends on an order.
- The same on one core for all of ours, against one process on that core: what NATS costs.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from benchmarks import market
from benchmarks.load import Result, drive
from benchmarks.orders import SECONDS, SECONDS_QUICK, TICKETS
from benchmarks.stage import KEY, Stage, process
from benchmarks.table import Row
from tests.cluster import nats_server
from tests.money.world import free_port

__all__ = ["measure"]

REST: Final = "auth,tickets,orders,expiration,payments"

# What a deployment has in common; made up anew for nobody, since nothing here is a secret.
SHARED: Final = {
    "SESSION_KEYS": "YmVuY2htYXJrLWtleS1iZW5jaG1hcmsta2V5LWtleSE=",
    "TICKETING_DATA_KEYS": "YmVuY2htYXJrLWtleS1iZW5jaG1hcmsta2V5LWtleSE=",
    "TICKETING_LEASE_SECONDS": "2",
    # Nobody pays.
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "STRIPE_KEY": "sk_test_nobody_pays",
    "STRIPE_WEBHOOK_SECRETS": "whsec_nobody_pays",
}


@dataclass(frozen=True, slots=True)
class Side:
    """Some processes that are one server."""

    name: str
    url: str
    dsn: str
    processes: Sequence[psutil.Process]
    """Those whose costs are told: if the gateway is apart, it, the rest, NATS and PostgreSQL."""

    def cpu_seconds(self) -> list[float]:
        """What each process, with its children, has used."""
        return [_cpu_seconds(each) for each in self.processes]


async def measure(stage: Stage) -> list[Row]:
    """Orders a second of several processes, against one."""
    rows = []
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        one = await enter(_one(stage, "one"))
        two = await enter(_several(stage, "two", 2))
        rates, _ = await _compare(stage, two, one)
        rows.append(Row(title="(u) orders, 2 processes / 1", unit="x", values=rates, at_least=0.85))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        one = await enter(_one(stage, "alone"))
        apart = await enter(_apart(stage, "apart"))
        rates, spent = await _compare(stage, apart, one)
        rows += [
            Row(title="(u) orders, the gateway apart / 1", unit="x", values=rates, at_least=0.85),
            *_costs(spent),
        ]
        for side in (one, apart):
            _hold(side, core=0)
        rates, _ = await _compare(stage, apart, one)
        rows.append(
            Row(
                title="(u) orders on one core, through NATS / in the process",
                unit="x",
                values=rates,
                at_least=0.6,
            )
        )
    return rows


def _costs(spent: Sequence[Sequence[float]]) -> list[Row]:
    """What each part of a deployment spends on an order, in microseconds of a core."""
    parts = ("the gateway", "the rest of us", "nats-server", "PostgreSQL")
    return [
        Row(title=f"(u) an order costs {part}", unit="us", values=[each * 1e6 for each in column])
        for part, column in zip(parts, zip(*spent, strict=True), strict=True)
    ]


async def _compare(
    stage: Stage, several: Side, one: Side
) -> tuple[list[float], list[tuple[float, ...]]]:
    """Several's rate over one's, a round at a time; and what its processes spent on an order."""
    seconds = SECONDS_QUICK if stage.quick else SECONDS
    ratios, spent = [], []
    for number in range(stage.rounds):
        found: dict[str, Result] = {}
        for side in (several, one) if number % 2 == 0 else (one, several):
            before = side.cpu_seconds()
            lines = market.buyers(await market.offer(side.dsn, TICKETS), KEY)
            found[side.name] = await drive(side.url, lines, stage.folder, seconds, one=False)
            if side is several:
                after = side.cpu_seconds()
                orders = found[side.name].per_second * seconds
                spent.append(tuple((b - a) / orders for a, b in zip(before, after, strict=True)))
        for name, result in found.items():
            if result.bad:
                raise RuntimeError(f"(u) is void: {name} gave {result.bad} answers unasked for")
        print(
            f"  (u) {several.name} {found[several.name].per_second:.0f}/s"
            f"   {one.name} {found[one.name].per_second:.0f}/s"
        )
        ratios.append(found[several.name].per_second / found[one.name].per_second)
    return ratios, spent


@asynccontextmanager
async def _one(stage: Stage, name: str) -> AsyncIterator[Side]:
    dsn = await stage.database(name)
    settings = {**SHARED, "DATABASE_URL": dsn}
    async with process(stage.folder, name, ["-m", "ticketing", "serve"], settings) as running:
        yield Side(name, running.url, dsn, [psutil.Process(running.pid)])


@asynccontextmanager
async def _several(stage: Stage, name: str, count: int) -> AsyncIterator[Side]:
    dsn = await stage.database(name)
    settings = {**SHARED, "DATABASE_URL": dsn, "TICKETING_PORT": str(free_port())}
    serve = ["-m", "ticketing", "serve", "--processes", str(count)]
    async with process(stage.folder, name, serve, settings) as running:
        yield Side(name, running.url, dsn, [psutil.Process(running.pid)])


@asynccontextmanager
async def _apart(stage: Stage, name: str) -> AsyncIterator[Side]:
    """A gateway, and a process with all else, over a nats-server."""
    dsn = await stage.database(name)
    nats_port = free_port()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        nats = await enter(nats_server.running(nats_port, stage.folder / f"{name}-nats.log"))
        settings = {
            **SHARED,
            "DATABASE_URL": dsn,
            "NATS_URL": f"nats://127.0.0.1:{nats_port}",
        }
        serve = ["-m", "ticketing", "serve", "--services"]
        rest = await enter(process(stage.folder, f"{name}-rest", [*serve, REST], settings))
        gateway = await enter(process(stage.folder, name, [*serve, "gateway"], settings))
        assert nats.process is not None
        pids = (gateway.pid, rest.pid, nats.process.pid, stage.postmaster)
        yield Side(name, gateway.url, dsn, [psutil.Process(pid) for pid in pids])


def _cpu_seconds(process: psutil.Process) -> float:
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        times = each.cpu_times()
        total += times.user + times.system
    return total


def _hold(side: Side, core: int) -> None:
    """Have all threads of all its processes run on one *core* only (Linux)."""
    for parent in side.processes[:2]:  # What we have not written stays where it likes.
        for each in (parent, *parent.children(recursive=True)):
            each.cpu_affinity([core])
