"""Thousands of watchers in a process of their own: what each has seen, and when.

    python -m benchmarks.live_client URL COUNT TOPIC...

Socket *n* watches topic *n* modulo their number. Commands come as lines of standard input, each is
answered by a line of JSON. A ticket's title is the moment at which its change was asked for
(`time.perf_counter`, which all processes of a Linux machine share), so each update tells its age:
that of the newest item in it.
"""

import asyncio
import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterable
from typing import Any

import msgspec

from benchmarks.table import percentile

CONNECTING = 200  # At one moment, as far as the server lets them in.
TITLE = b'"title":"'
SEEN_MAX = 1_000  # Where there are more, nobody asks for them.
BUSY = b"HTTP/1.1 503"


class Seen(msgspec.Struct, gc=False):
    """What of an item matters here; all else would slow down those who watch, and so the server."""

    id: str
    version: int


class Message(msgspec.Struct, gc=False):
    op: str = ""
    topic: str = ""
    prev: str = ""
    cursor: str = ""
    items: list[Seen] = []


decode = msgspec.json.Decoder(Message).decode


class Tally:
    """What all sockets of this process have seen since the last report."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.seen: dict[str, float] = {}
        """When the first socket saw each title."""
        self.items = self.frames = self.gaps = self.lost = self.busy = self.refused = 0

    def report(self) -> dict[str, Any]:
        shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
        ages = {name: percentile(self.ages, share) for name, share in shares.items()} if (
            self.ages
        ) else {}  # fmt: skip
        counts = {
            name: getattr(self, name)
            for name in ("items", "frames", "gaps", "lost", "busy", "refused")
        }
        seen = self.seen if len(self.seen) < SEEN_MAX else {}
        self.__init__()  # type: ignore[misc]
        return {**counts, **ages, "seen": seen}


class Watcher(asyncio.Protocol):
    """One socket: RFC 6455 as a client that only reads, but for its subscription."""

    def __init__(self, tally: Tally, host: str, topic: str, cursor: str | None) -> None:
        self.ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.versions: dict[str, int] = {}
        self.topic = topic
        self.cursor = cursor
        self.transport: asyncio.Transport | None = None
        self.is_leaving = False
        self._tally = tally
        self._host = host
        self._data = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(
            f"GET /ws HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        data = self._data + data if self._data else data
        if not self._is_open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._data = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._settle(503 if head.startswith(BUSY) else int(head[9:12]))
                return
            self._is_open = True
            self._subscribe()
        self._data = self._frames(data)

    def _subscribe(self) -> None:
        assert self.transport is not None
        wanted = {"topic": self.topic} | ({"since": self.cursor} if self.cursor else {})
        body = json.dumps({"op": "sub", "topics": [wanted]}).encode()
        length = bytes((0x80 | len(body),)) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2)
        self.transport.write(b"\x81" + length + b"\0\0\0\0" + body)

    def _frames(self, data: bytes) -> bytes:
        """Take the whole frames of *data*; what is left of it."""
        place = 0
        while len(data) - place >= 2:
            length, head = data[place + 1], 2
            if length == 126:
                length, head = int.from_bytes(data[place + 2 : place + 4]), 4
            elif length == 127:
                length, head = int.from_bytes(data[place + 2 : place + 10]), 10
            end = place + head + length
            if end > len(data):
                break
            if data[place] == 0x81:
                self._take(data[place + head : end])
            place = end
        return data[place:]

    def _take(self, body: bytes) -> None:
        message = decode(body)
        if message.op not in {"upd", "subbed"}:
            return
        now = time.perf_counter()
        tally = self._tally
        if message.op == "upd":
            tally.frames += 1
            tally.items += len(message.items)
            tally.gaps += message.prev != self.cursor
            newest = body[body.rindex(TITLE) + len(TITLE) :].partition(b'"')[0].decode()
            tally.seen.setdefault(newest, now)
            tally.ages.append(now - float(newest))
        for item in message.items:  # In the order of their versions, since nothing is lost.
            self.versions[item.id] = item.version
        self.cursor = message.cursor
        if message.op == "subbed":
            self._settle(101)

    def _settle(self, status: int) -> None:
        if not self.ready.done():
            self.ready.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._tally.lost += self._is_open and not self.is_leaving
        self._settle(0)


class Crowd:
    """All watchers of this process."""

    def __init__(self, url: str, count: int, topics: list[str]) -> None:
        self.tally = Tally()
        self.watchers: list[Watcher] = []
        self._host, self._port = url.removeprefix("http://").split(":")
        self._topics = topics
        self._count = count
        self._limit = asyncio.Semaphore(CONNECTING)

    async def connect(self) -> dict[str, Any]:
        wanted = [(self._topics[n % len(self._topics)], None) for n in range(self._count)]
        return await self._connect(wanted)

    async def reconnect(self) -> dict[str, Any]:
        """Everybody loses the line at one moment and comes back at once."""
        wanted = [(watcher.topic, watcher.cursor) for watcher in self.watchers]
        for watcher in self.watchers:
            watcher.is_leaving = True
            assert watcher.transport is not None
            watcher.transport.abort()
        self._limit = asyncio.Semaphore(len(wanted))
        return await self._connect(wanted)

    async def _connect(self, wanted: Iterable[tuple[str, str | None]]) -> dict[str, Any]:
        began = time.perf_counter()
        self.watchers = list(await asyncio.gather(*[self._one(*each) for each in wanted]))
        return {"seconds": time.perf_counter() - began, **self.tally.report()}

    async def _one(self, topic: str, cursor: str | None) -> Watcher:
        loop = asyncio.get_running_loop()
        while True:
            async with self._limit:
                _, watcher = await loop.create_connection(
                    lambda: Watcher(self.tally, self._host, topic, cursor), self._host,
                    int(self._port),
                )  # fmt: skip
                status = await watcher.ready
            if status == 101:
                return watcher
            assert watcher.transport is not None
            watcher.transport.abort()
            if status == 503:
                self.tally.busy += 1
            else:
                self.tally.refused += 1
            await asyncio.sleep(1 + random.random())  # noqa: S311, TID251 - `Retry-After: 1`, and jitter

    async def converge(self, truth: dict[str, dict[str, int]]) -> dict[str, Any]:
        """Until everybody has the versions of *truth*, by topic; 60 s at most."""
        began = time.perf_counter()
        missing = self.watchers
        while missing and time.perf_counter() - began < 60:
            missing = [
                watcher
                for watcher in missing
                if any(
                    watcher.versions.get(key, 0) < version
                    for key, version in truth[watcher.topic].items()
                )
            ]
            await asyncio.sleep(0.05)
        return {"missing": len(missing), "seconds": time.perf_counter() - began}


async def main(url: str, count: int, topics: list[str]) -> None:
    crowd = Crowd(url, count, topics)
    print(json.dumps(await crowd.connect()), flush=True)
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := (await reader.readline()).decode().strip():
        command, _, rest = line.partition(" ")
        if command == "reconnect":
            answer = await crowd.reconnect()
        elif command == "converge":
            answer = await crowd.converge(json.loads(rest))
        else:
            answer = crowd.tally.report()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")))
    os._exit(0)  # Thousands of objects need not be taken apart.
