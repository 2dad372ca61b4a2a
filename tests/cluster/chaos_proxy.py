"""A TCP proxy that does to a connection what networks do: holds back, cuts, refuses.

It runs as a process of its own, so that those who are tested wait for nobody else's load:
`python -m tests.cluster.chaos_proxy` takes orders, one JSON object a line, and answers each with a
line. `Lines` is how tests talk to it.

What is held back is kept and let through later, as TCP does it: the connection stays open, and
neither side knows (half open). What a cut has not let through is lost.
"""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast, get_args

__all__ = ["Line", "Lines", "Mode", "Proxy", "running"]

Mode: TypeAlias = Literal["pass", "blackhole", "up_hole", "down_hole", "some", "refuse"]
"""Both ways are open, both held back, that to the server, that from the server; some connections
are held back and others not; nobody there."""

_HOST: Final = "127.0.0.1"
_CHUNK: Final = 65_536

# Closing a socket with this sends a reset instead of an end.
_LINGER: Final = struct.pack("ii", 1, 0)

_UP, _DOWN = 0, 1
_HELD: Final = {
    "pass": (False, False),
    "blackhole": (True, True),
    "up_hole": (True, False),
    "down_hole": (False, True),
    "some": (False, False),
    "refuse": (False, False),
}


class Proxy:
    """Listens on a port of this machine, and connects whoever comes to *target*.

    A target is `HOST:PORT`, or the path of a UNIX socket.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.mode: Mode = "pass"
        self.cuts = 0
        self._cut_after: int | None = None
        self._open = (asyncio.Event(), asyncio.Event())
        self._free: list[asyncio.Event] = []
        """One for each connection that there is, in the order in which they came."""
        self._somes = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.set("pass")

    async def start(self) -> int:
        """Begin to listen; the port."""
        self._server = await asyncio.start_server(self._serve, _HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.reset()

    def set(self, mode: Mode) -> None:
        """Treat all connections so, those that are there too."""
        self.mode = mode
        for way, is_held in zip(self._open, _HELD[mode], strict=True):
            (way.clear if is_held else way.set)()
        self._somes += mode == "some"
        for number, free in enumerate(self._free):
            # The others each time: who holds which connection is chance to us.
            is_held = mode == "some" and (number + self._somes) % 2 == 0
            (free.clear if is_held else free.set)()
        if mode == "refuse":
            self.reset()

    def reset(self) -> None:
        """Cut all connections; new ones are as before."""
        for writer in self._writers:
            found = writer.get_extra_info("socket")
            if found is not None and found.family == socket.AF_INET:
                with suppress(OSError):
                    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            writer.transport.abort()
        self._writers.clear()

    def cut_after(self, count: int) -> None:
        """Cut all connections, once, when *count* more bytes have come from the server.

        They are not let through: what was asked is done, and its answer lost.
        """
        self._cut_after = count

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        free = asyncio.Event()
        free.set()
        self._free.append(free)
        try:
            if self.mode == "refuse":
                return
            await self._open[_UP].wait()
            far_reader, far_writer = await self._connect()
            self._writers.add(far_writer)
            try:
                await asyncio.gather(
                    self._pump(reader, far_writer, _UP, free),
                    self._pump(far_reader, writer, _DOWN, free),
                )
            finally:
                self._writers.discard(far_writer)
                far_writer.close()
        except (OSError, asyncio.CancelledError):
            pass  # Cut by somebody, or nobody is there; or all this ends.
        finally:
            self._free.remove(free)
            self._writers.discard(writer)
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.target.startswith("/"):
            return await asyncio.open_unix_connection(self.target)
        host, _, port = self.target.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        way: int,
        free: asyncio.Event,
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._open[way].wait()
            await free.wait()
            if way == _DOWN and self._is_cut_by(len(chunk)):
                return
            writer.write(chunk)
            await writer.drain()
        # Whoever has ended speaks no more; nor do we on their behalf, on either side.
        writer.close()

    def _is_cut_by(self, count: int) -> bool:
        if self._cut_after is None:
            return False
        self._cut_after -= count
        if self._cut_after > 0:
            return False
        self._cut_after = None
        self.cuts += 1
        self.reset()
        return True


class _Office:
    """Takes orders for all proxies of the process."""

    def __init__(self) -> None:
        self._proxies: dict[str, Proxy] = {}

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        name, do = order["line"], order["do"]
        if do == "open":
            self._proxies[name] = Proxy(order["target"])
            return {"port": await self._proxies[name].start()}
        proxy = self._proxies[name]
        if do == "reset":
            proxy.reset()
        elif do == "cut_after":
            proxy.cut_after(order["count"])
        else:
            assert do in get_args(Mode), do
            proxy.set(cast("Mode", do))
        return {"cuts": proxy.cuts}

    async def run(self) -> None:
        """Until nobody is there who could give orders."""
        loop = asyncio.get_running_loop()
        orders = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while line := await orders.readline():
            sys.stdout.write(json.dumps(await self.obey(json.loads(line))) + "\n")
            sys.stdout.flush()
        for proxy in self._proxies.values():
            proxy.stop()


class Lines:
    """The proxies of a test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lock = asyncio.Lock()

    async def open(self, name: str, target: str) -> "Line":
        answer = await self.tell(do="open", line=name, target=target)
        return Line(self, name, answer["port"])

    async def tell(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._lock:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
            return answer


class Line:
    """One proxy, from the side of a test."""

    def __init__(self, lines: Lines, name: str, port: int) -> None:
        self._lines = lines
        self.name = name
        self.port = port

    async def set(self, mode: Mode) -> None:
        await self._lines.tell(do=mode, line=self.name)

    async def reset(self) -> None:
        await self._lines.tell(do="reset", line=self.name)

    async def cut_after(self, count: int) -> None:
        await self._lines.tell(do="cut_after", line=self.name, count=count)


@asynccontextmanager
async def running() -> AsyncIterator[Lines]:
    """A process for proxies."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.cluster.chaos_proxy"),
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Lines(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(_Office().run())
