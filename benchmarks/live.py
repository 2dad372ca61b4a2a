"""(h)-(m): live updates, from a change of a ticket to those who watch it.

The server, the watchers and whoever makes the changes are processes of their own. Ages are counted
from the moment a change was to be asked for, so they contain the request, the commit and its fsync.
"""

import asyncio
import json
import socket as sockets
import time
from http import HTTPStatus

import aiohttp
import psutil

from benchmarks.live_stage import Site, Watchers, changes, running, truth, watching
from benchmarks.stage import Process, Stage, process
from benchmarks.table import Row, percentile

__all__ = ["fan_out", "idle", "storm", "stuck", "throughput"]

SOCKETS, SOCKETS_QUICK = 5_000, 300
RATE, SECONDS, SECONDS_QUICK = 500, 30, 5
SECONDS_PEER = 5  # It takes many times as long to tell them.
# Four times as many: 500 changes a second are 250,000 updates, and no more can be told of them.
RATE_MOST, SECONDS_MOST, SECONDS_PEER_MOST = 2_000, 10, 2
STORM, STORM_QUICK = 2_000, 300
STUCK_SECONDS = 22  # Longer than a stuck client may live.


async def idle(stage: Stage) -> list[Row]:
    """(h) One watcher, and a change now and then."""
    pushes, ages = [], []
    async with (
        running(stage, "live_h", events=1) as site,
        watching(site.server.url, 1, site.topics) as watchers,
    ):
        for _ in range(stage.rounds):
            await watchers.ask()
            await site.inside()
            await _one_by_one(site, 20 if stage.quick else 100)
            found = await watchers.ask()
            commits = (await site.inside())["commits"]
            taken = [at - commits[title] for title, at in found["seen"].items()]
            pushes.append(percentile(taken, 0.99) * 1000)
            ages.append(found["p99"] * 1000)
    return [
        Row(
            title="(h) from the commit to an idle hub's watcher, p99", unit="ms", values=pushes,
            at_most=20,
        ),
        Row(title="(h) and from the request, with its fsync, p99", unit="ms", values=ages),
    ]  # fmt: skip


async def _one_by_one(site: Site, count: int) -> None:
    """Changes that find the hub idle: the next one comes well after the answer to the last."""
    headers = {"Authorization": f"Bearer {site.token}"}
    async with aiohttp.ClientSession(site.server.url, headers=headers) as http:
        for number in range(count):
            ticket = site.tickets[number % len(site.tickets)]
            said = {"title": f"{time.perf_counter():.6f}", "price": 20}
            async with http.put(f"/api/tickets/{ticket['id']}", json=said) as answer:
                assert answer.status == HTTPStatus.OK
            await asyncio.sleep(0.1)


async def fan_out(stage: Stage) -> list[Row]:
    """(i), (k) Five thousand on one ticket; what a socket costs in memory."""
    count = SOCKETS_QUICK if stage.quick else SOCKETS
    ages, lags, busy = [], [], []
    async with running(stage, "live_i", events=1) as site:
        ticket = site.tickets[0]
        await changes(site.server.url, site.token, [ticket], rate=50, seconds=2)  # Warm.
        before = (await site.inside())["rss"]
        async with watching(site.server.url, count, [f"ticket:{ticket['id']}"]) as watchers:
            after = await site.inside()
            assert after["sockets"] == count
            memory = (after["rss"] - before) / count / 1000
            for _ in range(max(stage.rounds, 3)):
                await site.inside()
                await watchers.ask()
                await changes(site.server.url, site.token, [ticket], rate=1, seconds=1)
                await asyncio.sleep(1)
                found = await watchers.ask()
                assert found["items"] == count, found
                ages.append(found["p99"] * 1000)
                inside = await site.inside()
                lags.append(inside["lag"] * 1000)
                busy.append(inside["busy"] * 1000)
    return [
        Row(title=f"(i) one change, {count} sockets, p99", unit="ms", values=ages, at_most=300),
        Row(title="(i) the loop's longest turn meanwhile", unit="ms", values=busy, at_most=50),
        Row(title="(i) and with the time that others had the processor", unit="ms", values=lags),
        Row(
            title=f"(k) memory a socket, subscribed, of {count}", unit="KB", values=[memory],
            at_most=20,
        ),
    ]  # fmt: skip


async def throughput(stage: Stage) -> list[Row]:
    """(j) Five thousand on ten events of fifty tickets: 500 changes a second, and too many."""
    count = SOCKETS_QUICK if stage.quick else SOCKETS
    seconds = SECONDS_QUICK if stage.quick else SECONDS
    async with running(stage, "live_j") as site:
        async with watching(site.server.url, count, site.topics) as watchers:
            await site.inside()
            ours = await _told(site.server, site, watchers, RATE, seconds)
            inside = await site.inside()
            waited = [at - float(title) for title, at in inside["commits"].items()]
            committed = percentile(waited, 0.99)
            ours_most = await _told(site.server, site, watchers, RATE_MOST, SECONDS_MOST)
        module = ["-m", "benchmarks.live_peer"]
        async with process(stage.folder, "live_peer", module, {}) as peer:
            async with aiohttp.ClientSession(peer.url) as http:
                (await http.post("/offer", json=site.tickets)).close()
            async with watching(peer.url, count, site.topics) as watchers:
                theirs = await _told(peer, site, watchers, RATE, SECONDS_PEER)
                theirs_most = await _told(peer, site, watchers, RATE_MOST, SECONDS_PEER_MOST)
    prefix = f"(j) {count} sockets on 10 events, {RATE} changes/s"
    most = f"(j) {RATE_MOST} changes/s, more than either can do"
    return [
        Row(title=f"{prefix}: item updates/s", unit="1/s", values=[ours["rate"]]),
        Row(
            title="(j) sockets that did not converge", unit="",
            values=[ours["missing"] + ours_most["missing"]], at_most=0,
        ),
        Row(title="(j) age of an update, p99", unit="ms", values=[ours["p99"] * 1000]),
        Row(title="(j) age of a change at its commit, p99", unit="ms", values=[committed * 1000]),
        Row(
            title="(j) the loop's longest turn", unit="ms", values=[inside["busy"] * 1000],
            at_most=50,
        ),
        Row(title="(j) the peer's item updates/s", unit="1/s", values=[theirs["rate"]]),
        Row(title="(j) the peer's age, p99", unit="ms", values=[theirs["p99"] * 1000]),
        Row(
            title="(j) a second of processor time, ours / the peer's", unit="x",
            values=[ours["by_cpu"] / theirs["by_cpu"]],
        ),
        Row(title=f"{most}: item updates/s", unit="1/s", values=[ours_most["rate"]]),
        Row(title=f"{most}: the peer's", unit="1/s", values=[theirs_most["rate"]]),
        Row(
            title=f"{most}: ours / the peer's", unit="x",
            values=[ours_most["rate"] / theirs_most["rate"]], at_least=5,
        ),
        Row(
            title=f"{most}: a second of processor time", unit="x",
            values=[ours_most["by_cpu"] / theirs_most["by_cpu"]],
        ),
    ]  # fmt: skip


async def _told(
    server: Process, site: Site, watchers: Watchers, rate: int, seconds: int
) -> dict[str, float]:
    """Items told a second, until the last socket has converged; and a second of processor time.

    Steps of an item that were skipped do not count, although the client knows as much afterwards.
    """
    await watchers.ask()
    began, began_cpu = time.perf_counter(), _cpu_seconds(server)
    made = await changes(server.url, site.token, site.tickets, rate=rate, seconds=seconds)
    converged = await watchers.ask("converge " + truth(site.tickets, made["versions"]))
    took, took_cpu = time.perf_counter() - began, _cpu_seconds(server) - began_cpu
    found = await watchers.ask()
    print(
        f"  {made['sent']} changes in {took:.1f} s, {took_cpu:.1f} s of CPU, {found['items']} items"
    )
    assert found["gaps"] == 0, found
    return {
        "rate": found["items"] / took,
        "by_cpu": found["items"] / took_cpu,
        "missing": converged["missing"],
        "p99": found["p99"],
    }


def _cpu_seconds(server: Process) -> float:
    spent = psutil.Process(server.pid).cpu_times()
    return float(spent.user + spent.system)


async def stuck(stage: Stage) -> list[Row]:
    """(l) One client reads nothing, a hundred others do."""
    seconds = STUCK_SECONDS
    async with (
        running(stage, "live_l", events=1) as site,
        watching(site.server.url, 100, site.topics) as watchers,
    ):
        await watchers.ask()
        await changes(site.server.url, site.token, site.tickets, rate=100, seconds=5)
        alone = (await watchers.ask())["p99"] * 1000
        with _deaf(site.server.url, site.topics[0]):
            await site.inside()
            making = asyncio.ensure_future(  # noqa: TID251 - not part of the product
                changes(site.server.url, site.token, site.tickets, rate=100, seconds=seconds)
            )
            began, cut, held, kernel = time.perf_counter(), 99.0, 0.0, 0.0
            while not making.done():
                await asyncio.sleep(0.5)
                found = await site.inside()
                held, kernel = max(held, found["held"]), max(kernel, found["kernel"])
                if found["aborted"] and cut > seconds:
                    cut = time.perf_counter() - began
            await making
        beside = (await watchers.ask())["p99"] * 1000
    return [
        Row(title="(l) bytes held for a client that reads nothing", unit="KB",
            values=[held / 1000], at_most=512),
        Row(title="(l) and by the kernel, not acknowledged", unit="KB", values=[kernel / 1000]),
        Row(title="(l) it is cut off after", unit="s", values=[cut], at_most=20),
        Row(title="(l) the others' p99 without it, 100 changes/s", unit="ms", values=[alone]),
        Row(title="(l) the others' p99 beside it, 100 changes/s", unit="ms", values=[beside]),
    ]  # fmt: skip


def _deaf(url: str, topic: str) -> sockets.socket:
    """A client that subscribes and then reads nothing."""
    host, port = url.removeprefix("http://").split(":")
    deaf = sockets.create_connection((host, int(port)))
    deaf.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    deaf.recv(4096)
    body = json.dumps({"op": "sub", "topics": [{"topic": topic}]}).encode()
    deaf.sendall(b"\x81" + bytes((0x80 | len(body),)) + b"\0\0\0\0" + body)
    return deaf


async def storm(stage: Stage) -> list[Row]:
    """(m) Two thousand lose their line at one moment and come back."""
    count = STORM_QUICK if stage.quick else STORM
    times, errors, busy = [], [], []
    async with (
        running(stage, "live_m") as site,
        watching(site.server.url, count, site.topics) as watchers,
    ):
        for _ in range(min(stage.rounds, 3)):
            found = await watchers.ask("reconnect")
            times.append(found["seconds"])
            errors.append(found["refused"])
            busy.append(found["busy"])
            await asyncio.sleep(2)
    return [
        Row(title=f"(m) {count} come back at once, until all follow again", unit="s",
            values=times, at_most=10),
        Row(title="(m) answers that were errors, but for the gate's 503", unit="",
            values=errors, at_most=0),
        Row(title="(m) the gate's 503s", unit="", values=busy),
    ]  # fmt: skip
