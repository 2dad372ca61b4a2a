"""What every link promises, in memory and over a real nats-server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from actors import SystemClock
from actors.link import Link, UnansweredError, UndeliveredError
from actors.memory_link import MemoryLink, MemoryNetwork
from actors.nats_link import BODY_BYTES_MAX, NatsLink
from tests.cluster import nats_server
from tests.cluster.nats_server import Nats
from tests.support.wait import until

SECONDS = 10.0
"""A bound on liveness: an answer takes a millisecond."""

Made = Callable[[], Awaitable[Link]]


@pytest_asyncio.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    async with nats_server.running(port, tmp_path / "nats.log") as server:
        yield server


@pytest_asyncio.fixture(params=["memory", "nats"])
async def connect(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Made]:
    """Makes another end of one line."""
    network = MemoryNetwork(SystemClock())
    async with AsyncExitStack() as stack:
        server: Nats | None = None
        if request.param == "nats":
            with socket.create_server(("127.0.0.1", 0)) as free:
                port: int = free.getsockname()[1]
            server = await stack.enter_async_context(
                nats_server.running(port, tmp_path / "nats.log")
            )

        async def made() -> Link:
            link: Link = network.link() if server is None else await opened(server)
            await link.open() if isinstance(link, MemoryLink) else None
            stack.push_async_callback(link.close)
            return link

        yield made


async def opened(server: Nats) -> NatsLink:
    """A link to *server* that is up."""
    link = NatsLink(f"nats://{server.address}")
    await link.open()
    await until(lambda: link.is_up, "the link is up", every=0.01)
    return link


async def echo(body: bytes) -> bytes:
    return b"heard " + body


async def visible(here: Link, there: Link) -> None:
    """What *there* has subscribed to, *here* can reach: a server takes a moment to tell."""
    await there.answer("ready", echo)

    async def is_answered() -> bool:
        return await caught(here.request("ready", b"", timeout=SECONDS)) is None

    await until(is_answered, "one end can reach the other", every=0.01)


async def test_a_request_is_answered(connect: Made) -> None:
    here, there = await connect(), await connect()
    await there.answer("there", echo)
    await visible(here, there)
    assert await here.request("there", b"it", timeout=SECONDS) == b"heard it"
    assert await there.request("there", b"it", timeout=SECONDS) == b"heard it"


async def test_thousands_at_a_time_get_each_its_own(connect: Made) -> None:
    here, there = await connect(), await connect()
    await there.answer("there", echo)
    await visible(here, there)
    bodies = [str(number).encode() for number in range(3000)]
    asked = (here.request("there", body, timeout=SECONDS) for body in bodies)
    assert await asyncio.gather(*asked) == [b"heard " + body for body in bodies]


async def test_where_nobody_listens_nothing_is_delivered(connect: Made) -> None:
    here, there = await connect(), await connect()
    end = await there.answer("there", echo)
    for name in ("nowhere", "there"):
        if name == "there":
            end()
            await there.close()
        with pytest.raises(UndeliveredError):
            await here.request(name, b"", timeout=SECONDS)


async def test_an_answer_that_does_not_come_is_not_known(connect: Made) -> None:
    here, there = await connect(), await connect()
    begun = asyncio.Event()

    async def never(_: bytes) -> bytes:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    await there.answer("there", never)
    await visible(here, there)
    with pytest.raises(UnansweredError):
        await here.request("there", b"", timeout=0.2)
    assert begun.is_set()


async def test_a_slow_answer_holds_up_nobody(connect: Made) -> None:
    here, there = await connect(), await connect()
    may_end = asyncio.Event()

    async def answer(body: bytes) -> bytes:
        if body == b"slow":
            await may_end.wait()
        return body

    await there.answer("there", answer)
    await visible(here, there)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(here.request("there", b"slow", timeout=SECONDS))
        assert await here.request("there", b"quick", timeout=SECONDS) == b"quick"
        may_end.set()
    assert slow.result() == b"slow"


async def test_who_is_given_up_is_not_waited_for(connect: Made) -> None:
    here, there = await connect(), await connect()
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def waits(body: bytes) -> bytes:
        begun.set()
        await may_end.wait()
        return body

    await there.answer("there", waits)
    await there.answer("elsewhere", waits)
    await visible(here, there)
    async with asyncio.TaskGroup() as group:
        lost = group.create_task(caught(here.request("there", b"", timeout=SECONDS)))
        kept = group.create_task(here.request("elsewhere", b"kept", timeout=SECONDS))
        await begun.wait()
        here.give_up("there")
        assert await lost is UnansweredError
        may_end.set()
    assert kept.result() == b"kept"


async def caught(asked: Awaitable[bytes]) -> type[Exception] | None:
    try:
        await asked
    except (UnansweredError, UndeliveredError) as error:
        return type(error)
    return None


async def test_casts_arrive_in_their_order_at_all_who_listen(connect: Made) -> None:
    here, there = await connect(), await connect()
    heard: dict[str, list[bytes]] = {"here": [], "there": [], "gone": []}
    await here.listen("news", heard["here"].append)
    await there.listen("news", heard["there"].append)
    end = await there.listen("news", heard["gone"].append)
    end()
    await visible(here, there)
    words = [str(number).encode() for number in range(500)]
    for word in words:
        here.cast("news", word)
    await until(lambda: all(len(heard[name]) == 500 for name in ("here", "there")), "all is heard")
    assert heard == {"here": words, "there": words, "gone": []}


# A real server, and what happens to it. --------------------------------------------------------


async def test_a_listener_that_fails_is_alone(nats: Nats) -> None:
    link, heard = await opened(nats), []

    def fails(_: bytes) -> None:
        raise ZeroDivisionError

    await link.listen("news", fails)
    await link.listen("news", heard.append)
    link.cast("news", b"a")
    link.cast("news", b"b")
    await until(lambda: heard == [b"a", b"b"], "the other hears")
    await link.close()


async def test_big_bodies_go_and_too_big_ones_are_refused(nats: Nats) -> None:
    link = await opened(nats)
    await link.answer("there", echo)
    big = b"x" * BODY_BYTES_MAX
    answers = await asyncio.gather(
        *(link.request("there", big[:-6], timeout=SECONDS) for _ in range(3))
    )
    assert {len(answer) for answer in answers} == {BODY_BYTES_MAX}
    with pytest.raises(ValueError, match="bytes at most"):
        await link.request("there", big + b"x", timeout=SECONDS)
    await link.close()


async def test_when_the_server_is_killed_it_is_said_at_once_and_all_is_well_again(
    nats: Nats,
) -> None:
    here, there = await opened(nats), await opened(nats)
    backs, heard, begun = [], [], asyncio.Event()
    here.when_back(lambda: backs.append(1))

    async def never(_: bytes) -> bytes:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    await there.answer("never", never)
    await there.answer("there", echo)
    await there.listen("news", heard.append)
    await visible(here, there)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(caught(here.request("never", b"", timeout=60)))
        await begun.wait()
        await nats.kill()
    assert waiting.result() is UnansweredError
    assert await caught(here.request("there", b"", timeout=60)) is UndeliveredError
    here.cast("news", b"lost")
    await nats.start()
    await until(lambda: here.is_up and there.is_up, "both are back")
    await visible(here, there)
    assert await here.request("there", b"again", timeout=SECONDS) == b"heard again"
    here.cast("news", b"again")
    await until(lambda: heard == [b"again"], "what was cast while it was away is lost")
    assert backs == [1]
    await here.close()
    await there.close()


async def test_a_frozen_server_is_left(nats: Nats) -> None:
    link = await opened(nats)

    async def never(_: bytes) -> bytes:
        nats.freeze()
        await asyncio.Event().wait()
        raise AssertionError

    await link.answer("never", never)
    try:
        assert await caught(link.request("never", b"", timeout=60)) is UnansweredError
        assert not link.is_up
    finally:
        nats.thaw()
    await until(lambda: link.is_up, "the link is back")
    await link.close()


async def test_nobody_is_there_yet(nats: Nats) -> None:
    await nats.kill()
    link = NatsLink(f"nats://{nats.address}")
    await link.answer("there", echo)
    await link.open()
    assert not link.is_up
    assert await caught(link.request("there", b"", timeout=60)) is UndeliveredError
    await nats.start()
    await until(lambda: link.is_up, "the link is up")
    assert await link.request("there", b"now", timeout=SECONDS) == b"heard now"
    await link.close()
