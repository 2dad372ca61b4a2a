"""Changes at a steady rate, in a process of its own: `PUT /api/tickets/{id}` in an open loop.

    python -m benchmarks.live_generator URL TOKEN RATE SECONDS < ids

Each change carries the moment at which it was to be sent as the ticket's title. Prints what the
versions are in the end, how many answers were no success, and how late the slowest went out.
"""

import asyncio
import json
import sys
import time

CONNECTIONS = 32


class Connection:
    """One connection, a request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def put(self, token: str, ticket: str, title: str) -> tuple[int, int]:
        """The status, and the version."""
        body = json.dumps({"title": title, "price": 20}).encode()
        self._writer.write(
            f"PUT /api/tickets/{ticket} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        said = json.loads(await self._reader.readexactly(length))
        return int(head[9:12]), said.get("version", 0)


async def main(url: str, token: str, rate: float, seconds: float) -> None:
    tickets = sys.stdin.read().split()
    host, port = url.removeprefix("http://").split(":")
    total = int(rate * seconds)
    began = time.perf_counter()
    versions: dict[str, int] = {}
    found = {"sent": 0, "bad": 0, "late": 0.0}
    numbers = iter(range(total))

    async def work() -> None:
        connection = Connection(*await asyncio.open_connection(host, int(port)))
        for number in numbers:
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            found["late"] = max(found["late"], time.perf_counter() - due)
            ticket = tickets[number % len(tickets)]
            status, version = await connection.put(token, ticket, f"{due:.6f}")
            found["sent"] += 1
            found["bad"] += status != 200
            versions[ticket] = max(version, versions.get(ticket, 0))

    await asyncio.gather(*[work() for _ in range(CONNECTIONS)])
    print(json.dumps({**found, "seconds": time.perf_counter() - began, "versions": versions}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
