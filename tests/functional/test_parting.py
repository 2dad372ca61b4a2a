"""A gateway that goes while others stay: nobody's request crosses with the end of a connection."""

import asyncio

import pytest

from tests.functional.conftest import SiteFactory
from tests.functional.running_site import HOST
from tests.support.wait import LIVENESS_SECONDS, until
from web.app import create_app
from web.server import bind, listening

ASK = b"GET /livez HTTP/1.1\r\nHost: tickets.test\r\n\r\n"


async def test_who_is_connected_is_answered_once_more_and_sent_away(
    start_site: SiteFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await start_site()
    leave, ports = asyncio.Event(), asyncio.Queue[int]()

    async def serve() -> None:
        bound = bind(HOST, 0)
        app = create_app(site.gateway)
        async with listening(app, bound, parting_seconds=2 * LIVENESS_SECONDS) as port:
            ports.put_nowait(port)
            await leave.wait()

    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve())
        port = await ports.get()
        reader, writer = await asyncio.open_connection(HOST, port)

        async def asks() -> bytes:
            writer.write(ASK)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            return head

        assert b"connection: close" not in (await asks()).lower()
        monkeypatch.setattr(site.gateway.runtime, "is_ready", False)
        leave.set()

        async def is_closed_to_others() -> bool:
            try:
                _, other = await asyncio.open_connection(HOST, port)
            except ConnectionError:
                return True
            other.close()
            return False

        await until(is_closed_to_others, "nobody new is let in")
        assert not serving.done()
        answer = await asks()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer.lower()
        assert await reader.read() == b""
        async with asyncio.timeout(LIVENESS_SECONDS):  # And not as long as it might have.
            await serving
        writer.close()
