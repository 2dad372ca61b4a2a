"""Three servers are one to those who are connected, and one of them may go."""

from contextlib import AsyncExitStack
from pathlib import Path

from actors.link import UnansweredError, UndeliveredError
from actors.nats_link import NatsLink
from tests.cluster import nats_server
from tests.cluster.nats_server import Nats
from tests.money.world import free_port
from tests.support.wait import until


async def echo(body: bytes) -> bytes:
    return body


def reached(link: NatsLink, servers: list[Nats]) -> Nats:
    """The server that *link* is connected to."""
    client = link._connection.client
    assert client is not None
    assert client.connected_url is not None
    port = client.connected_url.port
    return next(each for each in servers if each.port == port)


async def answers(link: NatsLink) -> bool:
    try:
        return await link.request("echo", b"hello", timeout=1) == b"hello"
    except (UndeliveredError, UnansweredError):
        return False


async def test_who_retires_lets_its_clients_go_to_the_others(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        ports = [free_port() for _ in range(6)]
        made = nats_server.clustered(ports[:3], ports[3:], tmp_path)
        first, *others = servers = await stack.enter_async_context(made)
        here = NatsLink(f"nats://{first.address}")
        there = NatsLink(",".join(f"nats://{each.address}" for each in others))
        for link in (here, there):
            await link.open()
            stack.push_async_callback(link.close)
            await until(lambda link=link: link.is_up, "the link is up")
        await there.answer("echo", echo)
        await until(lambda: answers(here), "what one server hears the others hear")
        left = reached(there, servers)
        await left.retire()
        await until(lambda: answers(here), "it has gone to another one")
        assert reached(there, servers) is not left
