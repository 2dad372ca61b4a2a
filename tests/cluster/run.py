"""A run: a cluster, clients, a nemesis, and what is found when it is over."""

import asyncio
import os
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tests.cluster import evidence, nodes
from tests.cluster.checker import Found, check
from tests.cluster.clients import CLIENTS, Market
from tests.cluster.faults import left_out
from tests.cluster.history import Call, History
from tests.cluster.nemesis import Fault, Nemesis
from tests.cluster.nodes import LEASE_SECONDS, Cluster
from tests.cluster.victims import Victims
from tests.crash.world import dice

__all__ = ["Outcome", "run"]

# What was answered is asked for again in the end; so many, because each is a request.
REPEATED: Final = 300

# Of answers that differ, until it is clear that they do.
ENOUGH: Final = 5

_CLOCK: Final = "select extract(epoch from clock_timestamp())::float8"


@dataclass
class Outcome:
    """What a run was like, and what it found."""

    history: History
    faults: list[Fault]
    violations: list[str]
    ends: int
    """How often a node ended that nobody had asked to."""
    left_out: Mapping[str, str]
    """Which faults could not be made here, and why."""

    def __str__(self) -> str:
        calls = self.history.calls
        counts = Counter(f"{call.what} {call.status or 'unknown'}" for call in calls)
        shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        requests = sum(len(call.tries) for call in calls)
        lines = [
            f"{len(calls)} operations in {requests} requests: {shown}",
            f"{len(self.faults)} faults; nodes that ended by themselves: {self.ends}",
            *(f"left out: {what}, {why}" for what, why in self.left_out.items()),
            *_table(self.faults, calls),
            f"{len(self.violations)} violations",
            *self.violations[:50],
        ]
        return "\n".join(lines)


async def run(
    folder: Path,
    *,
    seed: int,
    seconds: float,
    services: Sequence[str] = ("all",) * 3,
    command: Sequence[str] = ("-m", "ticketing"),
    only: tuple[str, ...] = (),
    nats_servers: int = 1,
    clients: int = CLIENTS,
    settings: Mapping[str, str] | None = None,
) -> Outcome:
    """Let clients and a nemesis loose on a cluster for so many *seconds*, and look."""
    chances = dice(seed)
    async with nodes.running(
        folder,
        services,
        settings,
        nats_servers=nats_servers,
        on_small_disk=True,
        command=command,
    ) as cluster:
        now = asyncio.get_running_loop().time
        ((unix_time,),) = await cluster.fetch(_CLOCK)
        unix_less_monotonic = unix_time - now()
        market = Market(cluster, dice(chances.getrandbits(64)))
        market.open(unix_time, clients)
        victims = Victims(cluster, dice(chances.getrandbits(64)), market)
        nemesis = Nemesis(victims, only)
        failures: list[str] = []
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(market.trade())
            try:
                await asyncio.sleep(1.0)
                await nemesis.rage(now() + seconds)
                await asyncio.sleep(1.0)
            except AssertionError as failure:
                failures.append(f"nemesis: {failure}")
            finally:
                market.close()
        try:
            violations = failures + await _judge(cluster, market, unix_less_monotonic)
        finally:
            await _keep(cluster, market.history, nemesis.faults)
        ends = sum(node.ends for node in cluster.nodes)
        outcome = Outcome(market.history, nemesis.faults, violations, ends, left_out(cluster))
        if violations:
            sys.stdout.write(f"{cluster.complaints()}\n")
        return outcome


async def _judge(cluster: Cluster, market: Market, unix_less_monotonic: float) -> list[str]:
    found: list[str] = []
    try:
        await cluster.rest()
    except AssertionError as failure:
        found.append(f"rest: {failure}")
    found += [f"unequal: {each}" for each in await _repeat(market)]
    read = await evidence.read(cluster)
    broken: list[Found] = check(market.history, read, unix_less_monotonic=unix_less_monotonic)
    found += [f"{each.rule}: {each.subject}: {each.detail}" for each in broken]
    found += [f"fsck: {each}" for each in await cluster.fsck()]
    return found


async def _repeat(market: Market) -> list[str]:
    """Ask again, with the same keys, for what had an effect: the answers must be the same."""
    done = [
        call
        for call in market.history.answered("list", "edit", "reserve", "cancel")
        if call.status in {201, 204} or (call.what == "edit" and call.status == 200)
    ]
    chosen = market.chances.sample(done, min(REPEATED, len(done)))
    found = []
    for call in chosen:
        client = market.chances.choice(market.people).client
        status, answer = await client.repeat(call)
        if len(found) == ENOUGH:
            break
        if (status, answer) != (call.status, call.answer):
            found.append(f"{call.what} {call.number}: {call.status} {call.answer}, then"
                         f" {status} {answer}")  # fmt: skip
    return found


def _table(faults: Sequence[Fault], calls: Sequence[Call]) -> list[str]:
    """For each kind of fault how often it came, and the longest that anybody waited meanwhile."""
    worst: dict[str, float] = defaultdict(float)
    unknown: Counter[str] = Counter()
    back: dict[str, float] = defaultdict(float)
    for fault in faults:
        until = fault.over + LEASE_SECONDS
        for call in calls:
            if fault.began <= call.began <= until:
                if call.is_answered:
                    worst[fault.name] = max(worst[fault.name], call.seconds)
                elif call.what != "peek":  # Which nobody asks again.
                    unknown[fault.name] += 1
        back[fault.name] = max(back[fault.name], fault.over - fault.healed)
    counts = Counter(each.name for each in faults)
    return [
        f"{name:33} {count:4} times, worst answer {worst[name]:6.2f} s, never answered"
        f" {unknown[name]:3}, all ready again within {back[name]:6.2f} s"
        for name, count in sorted(counts.items())
    ]


async def _keep(cluster: Cluster, history: History, faults: Sequence[Fault]) -> None:
    """Leave all that was noted in `TICKETING_NEMESIS_KEEP`, if somebody wants to look at it."""
    folder = Path(os.environ.get("TICKETING_NEMESIS_KEEP", ""))
    if folder == Path():
        return
    folder.mkdir(parents=True, exist_ok=True)
    history.write(folder / "history.jsonl")
    (folder / "faults.txt").write_text("".join(f"{each}\n" for each in faults))
    for node in cluster.nodes:
        shutil.copyfile(node.log, folder / node.log.name)
    facts = (await evidence.read(cluster)).facts
    with (folder / "journal.jsonl").open("wb") as file:
        file.writelines(msgspec.json.encode(each) + b"\n" for each in facts)
