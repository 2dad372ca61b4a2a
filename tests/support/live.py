"""A client of `/ws`, written with the `websockets` library: not a line of ours on its side.

It does what the protocol asks of any client: it keeps the items of each topic, takes an item only
if its version is newer, and asks again with its last cursor when an update does not follow on.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.wait import LIVENESS_SECONDS

__all__ = ["LiveClient", "Replica", "opened"]


class Replica:
    """What a client knows of its topics."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, dict[str, Any]]] = {}
        self.cursors: dict[str, str] = {}
        self.gaps = 0

    def take(self, message: Mapping[str, Any]) -> str | None:
        """Take *message* in; the topic to subscribe to again, if something is missing."""
        op = message["op"]
        if op == "subbed":
            topic = message["topic"]
            if message["mode"] == "reset":
                self.items[topic] = {}  # All that was known may be old: it is fetched anew by REST.
            if message["mode"] == "snapshot":
                self._snapshot(topic, message["items"])
            else:
                self._apply(topic, message)
            self.cursors[topic] = message["cursor"]
        elif op == "upd":
            topic = message["topic"]
            if self.cursors.get(topic) != message["prev"]:
                self.gaps += 1
                return str(topic)
            self._apply(topic, message)
            self.cursors[topic] = message["cursor"]
        return None

    def _snapshot(self, topic: str, items: list[dict[str, Any]]) -> None:
        known = self.items.get(topic, {})
        self.items[topic] = {}
        for item in items:
            before = known.get(item["id"])
            is_newer = before is None or before["version"] < item["version"]
            self.items[topic][item["id"]] = item if is_newer or before is None else before

    def _apply(self, topic: str, message: Mapping[str, Any]) -> None:
        known = self.items.setdefault(topic, {})
        for item in message["items"]:
            before = known.get(item["id"])
            if before is None or before["version"] < item["version"]:
                known[item["id"]] = item
        for item_id in message.get("removed", ()):
            known.pop(item_id, None)


class LiveClient:
    """An open socket, and what came over it."""

    def __init__(self, connection: ClientConnection, replica: Replica | None = None) -> None:
        self.connection = connection
        self.replica = replica or Replica()
        self.received: list[dict[str, Any]] = []
        self.welcome: dict[str, Any] = {}

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def sub(self, *topics: str, **more: Any) -> dict[str, Any]:
        """Subscribe to *topics* from where the replica is; the reply for the last of them."""
        wanted = [
            {"topic": topic, "since": self.replica.cursors[topic]}
            if topic in self.replica.cursors
            else {"topic": topic}
            for topic in topics
        ]
        await self.say(op="sub", topics=wanted, **more)
        answers = 0
        while True:
            message = await self.next()
            answers += message["op"] == "subbed" or message["op"] == "err"
            if answers == len(topics):
                return message

    async def next(self) -> dict[str, Any]:
        """The next message but heartbeats, taken in."""
        while True:
            async with asyncio.timeout(LIVENESS_SECONDS):
                message: dict[str, Any] = json.loads(await self.connection.recv())
            self.received.append(message)
            missing = self.replica.take(message)
            if missing is not None:
                since = self.replica.cursors.get(missing)
                wanted = {"topic": missing} | ({} if since is None else {"since": since})
                await self.say(op="sub", topics=[wanted])
            if message["op"] != "hb":
                return message

    async def until(self, is_enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message that *is_enough*."""
        while True:
            message = await self.next()
            if is_enough(message):
                return message

    async def op(self, op: str) -> dict[str, Any]:
        return await self.until(lambda message: message["op"] == op)

    async def item(self, item_id: str, **fields: Any) -> dict[str, Any]:
        """The item once any topic has it with *fields*."""
        while True:
            for topic in self.replica.items.values():
                item = topic.get(item_id)
                if item is not None and all(item.get(key) == fields[key] for key in fields):
                    return item
            await self.next()

    async def closed(self) -> int:
        """The code that the server closes the socket with."""
        try:
            while True:
                await self.next()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else 1006


@asynccontextmanager
async def opened(
    url: str, *, replica: Replica | None = None, greeted: bool = True, **options: Any
) -> AsyncIterator[LiveClient]:
    """A socket to the server at *url* (http), closed when the context ends."""
    address = url.replace("http", "ws", 1) + "/ws"
    options = {"compression": None, "max_size": None, "subprotocols": ["tickets.v1"], **options}
    async with connect(address, **options) as connection:
        client = LiveClient(connection, replica)
        if greeted:
            client.welcome = await client.op("welcome")
        yield client
