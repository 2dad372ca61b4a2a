"""`make bench`: alternating rounds of ours and the peer on this machine, and what they came to.

Absolute times of a busy machine say little; the ratio of two runs that follow each other does.
"""

import argparse
import asyncio
import statistics
from pathlib import Path

from benchmarks import stage
from benchmarks.load import CONNECTIONS, Result, drive
from benchmarks.stage import Side

ROUNDS = 5
SECONDS = 8
TICKETS = 40_000


async def distinct(side: Side, folder: Path) -> Result:
    """(a) Everybody buys another ticket."""
    lines = stage.buyers(await stage.offer(side, TICKETS))
    return await drive(side.url, lines, folder, SECONDS, one=False)


async def one_ticket(side: Side, folder: Path) -> Result:
    """(b) Everybody wants the same ticket."""
    (ticket,) = await stage.offer(side, 1)
    return await drive(side.url, stage.buyers([ticket] * 3000), folder, SECONDS, one=True)


async def compare(rounds: int) -> None:
    with stage.folder() as folder:
        async with stage.stage(folder) as (ours, peer):
            for title, run in (("(a) orders/s, distinct tickets", distinct),
                               ("(b) attempts/s, one ticket", one_ticket)):  # fmt: skip
                results = []
                for number in range(rounds):
                    order = (ours, peer) if number % 2 == 0 else (peer, ours)
                    round_ = {side.name: await run(side, folder) for side in order}
                    results.append((round_["ours"], round_["peer"]))
                    show_round(number, *results[-1])
                show(title, results)


def show_round(number: int, ours: Result, peer: Result) -> None:
    print(f"  round {number + 1}: ours {described(ours)}   peer {described(peer)}")


def described(result: Result) -> str:
    """One run, in a few words."""
    times = f"p50 {result.p50:5.1f} p99 {result.p99:6.1f} ms"
    return f"{result.per_second:6.0f}/s {times} ({result.bad} bad)"


def show(title: str, results: list[tuple[Result, Result]]) -> None:
    rates = [ours.per_second / peer.per_second for ours, peer in results]
    tails = [peer.p99 / ours.p99 for ours, peer in results]
    print(f"{title}, {CONNECTIONS} connections, {len(results)} alternating rounds")
    for name, ratios in (("rate, ours / peer", rates), ("p99, peer / ours", tails)):
        print(
            f"    {name:20} min {min(ratios):5.2f}   median {statistics.median(ratios):5.2f}"
            f"   max {max(ratios):5.2f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asyncio.run(compare(parser.parse_args().rounds))
