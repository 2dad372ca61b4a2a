"""(a), (b): purchases over HTTP, ours and the peer in alternating rounds.

Absolute times of a busy machine say little; the ratio of two runs that follow each other does.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import market
from benchmarks.load import CONNECTIONS, Result, drive
from benchmarks.stage import KEY, Stage, process
from benchmarks.table import Row

__all__ = ["SECONDS", "TICKETS", "both", "distinct", "one_ticket"]

SECONDS, SECONDS_QUICK = 8, 3
TICKETS = 40_000
CROWD = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Ours or the peer, running."""

    name: str
    url: str
    dsn: str
    pid: int


Run = Callable[[Side, Path, int], Awaitable[Result]]


async def distinct(stage: Stage) -> list[Row]:
    """(a) Everybody buys another ticket."""

    async def run(side: Side, folder: Path, seconds: int) -> Result:
        lines = market.buyers(await market.offer(side.dsn, TICKETS), KEY)
        return await drive(side.url, lines, folder, seconds, one=False)

    rounds = await _rounds(stage, "a", run)
    return [
        *_ratios(f"(a) orders, distinct tickets, {CONNECTIONS} connections", rounds, 1.5, 3),
        *_absolute("(a)", rounds),
    ]


async def one_ticket(stage: Stage) -> list[Row]:
    """(b) Everybody wants the same ticket."""

    async def run(side: Side, folder: Path, seconds: int) -> Result:
        (ticket,) = await market.offer(side.dsn, 1)
        return await drive(
            side.url, market.buyers([ticket] * CROWD, KEY), folder, seconds, one=True
        )

    rounds = await _rounds(stage, "b", run)
    return [
        *_ratios(f"(b) attempts at one ticket, {CONNECTIONS} connections", rounds, 3),
        *_absolute("(b)", rounds),
    ]


async def _rounds(stage: Stage, name: str, run: Run) -> list[tuple[Result, Result]]:
    """Ours and the peer's result of each round; they begin in turn."""
    seconds = SECONDS_QUICK if stage.quick else SECONDS
    results = []
    async with both(stage, name) as (ours, peer):
        for number in range(stage.rounds):
            order = (ours, peer) if number % 2 == 0 else (peer, ours)
            found = {side.name: await run(side, stage.folder, seconds) for side in order}
            void = [name for name, result in found.items() if result.bad]
            if void:
                raise RuntimeError(f"({name}) is void: {void} gave answers that nobody wanted")
            results.append((found["ours"], found["peer"]))
            print(f"  ({name}) ours {_words(found['ours'])}   peer {_words(found['peer'])}")
    return results


@asynccontextmanager
async def both(stage: Stage, name: str) -> AsyncIterator[tuple[Side, Side]]:
    """Ours and the peer on a database each, as long as the context lasts."""
    dsn, peers = await stage.database(f"{name}_ours"), await stage.database(f"{name}_peer")
    serve = ["-m", "ticketing", "serve"]
    async with (
        process(stage.folder, f"{name}-ours", serve, {"DATABASE_URL": dsn}) as our,
        process(stage.folder, f"{name}-peer", ["-m", "benchmarks.peer", peers, "0"], {}) as other,
    ):
        yield (
            Side(name="ours", url=our.url, dsn=dsn, pid=our.pid),
            Side(name="peer", url=other.url, dsn=peers, pid=other.pid),
        )


def _words(result: Result) -> str:
    """One run, in a few words."""
    times = f"p50 {result.p50:5.1f} p99 {result.p99:6.1f} ms"
    return f"{result.per_second:6.0f}/s {times} ({result.bad} bad)"


def _ratios(
    title: str, rounds: list[tuple[Result, Result]], rate: float, tail: float | None = None
) -> list[Row]:
    rates = [ours.per_second / peer.per_second for ours, peer in rounds]
    tails = [peer.p99 / ours.p99 for ours, peer in rounds]
    return [
        Row(title=f"{title}: rate, ours / peer", unit="x", values=rates, at_least=rate),
        Row(title=f"{title}: p99, peer / ours", unit="x", values=tails, at_least=tail),
    ]


def _absolute(title: str, rounds: list[tuple[Result, Result]]) -> list[Row]:
    return [
        Row(title=f"{title} ours", unit="1/s", values=[ours.per_second for ours, _ in rounds]),
        Row(title=f"{title} ours, p99", unit="ms", values=[ours.p99 for ours, _ in rounds]),
    ]
