"""The load generator where wrk is missing: a process of its own, with its connections in one loop.

    python -m benchmarks.load_python HOST PORT SECONDS CONNECTIONS WANTED... < lines

Slower than wrk and so a little kinder to what is measured; both sides meet the same one.
"""

import asyncio
import sys
import time
from collections.abc import Iterator

from benchmarks.table import percentile

__all__: list[str] = []


class Client(asyncio.Protocol):
    """One connection: sends a purchase, waits for its answer, sends the next, until it is late."""

    def __init__(self, lines: Iterator[str], wanted: frozenset[int], until: float) -> None:
        self.taken: list[float] = []
        self.bad = 0
        self.done = asyncio.get_running_loop().create_future()
        self._lines = lines
        self._wanted = wanted
        self._until = until
        self._sent_at = 0.0
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._received = b""
        self.taken.append(time.perf_counter() - self._sent_at)
        self.bad += int(head[9:12]) not in self._wanted
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.done.done():
            self.bad += 1
            self.done.set_result(None)

    def _send(self) -> None:
        assert self._transport is not None
        line = next(self._lines, None)
        if line is None or time.perf_counter() >= self._until:
            self.done.set_result(None)
            self._transport.close()
            return
        token, ticket = line.split()
        body = f'{{"ticketId":"{ticket}"}}'
        self._sent_at = time.perf_counter()
        self._transport.write(
            f"POST /api/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0])


async def _drive(
    host: str, port: int, seconds: float, connections: int, wanted: frozenset[int]
) -> str:
    lines = iter(sys.stdin.read().splitlines())
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(lines, wanted, began + seconds), host, port
        )
        clients.append(client)
    await asyncio.gather(*[client.done for client in clients])
    taken = [each for client in clients for each in client.taken]
    microseconds = [percentile(taken, share) * 1e6 for share in (0.5, 0.99)]
    bad = sum(client.bad for client in clients)
    spent = (time.perf_counter() - began) * 1e6
    return f"RESULT {len(taken)} {spent:.0f} {bad} {microseconds[0]:.0f} {microseconds[1]:.0f}"


if __name__ == "__main__":
    given_host, given_port, given_seconds, given_connections, *statuses = sys.argv[1:]
    print(
        asyncio.run(
            _drive(
                given_host,
                int(given_port),
                float(given_seconds),
                int(given_connections),
                frozenset(map(int, statuses)),
            )
        )
    )
