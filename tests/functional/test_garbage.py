"""What has ended is gone at once: it makes no circle that only the garbage collector could undo.

A gateway's collector seldom looks. What waits for it meanwhile spreads over memory that the
process then keeps.
"""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from actors.postgres_session import borrowed
from tests.functional.running_site import Site
from tests.support.live import opened
from tests.support.live_world import Client, Market
from tests.support.wait import until
from web.live.topic import Topic


@pytest.fixture
def seldom() -> Iterator[None]:
    """The collector does not look while this lasts."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def there_are(name: str) -> int:
    """How many objects of the type *name* are kept, also by nobody."""
    return sum(type(each).__name__ == name for each in gc.get_objects())


@pytest.mark.usefixtures("seldom")
@pytest.mark.parametrize("says_goodbye", [True, False])
async def test_a_socket_that_ended_is_gone(site: Site, *, says_goodbye: bool) -> None:
    before = there_are("WebSocketResponse")
    for _ in range(3):
        async with opened(site.url) as client:
            await client.sub("tickets")
            assert there_are("WebSocketResponse") == before + 1
            if not says_goodbye:
                client.connection.transport.abort()
        await until(lambda: not site.gateway.live.sockets, "the hub has noticed")
        await until(lambda: there_are("WebSocketResponse") == before, "nothing is kept of it")


@pytest.mark.usefixtures("seldom")
def test_a_topic_that_nobody_watches_is_gone() -> None:
    asyncio.run(watch_and_leave())


async def watch_and_leave() -> None:
    market, before = Market(), there_are(Topic.__name__)
    market.commit(0)
    client = Client(market, "tickets")
    await client.subscribe("tickets")
    assert there_are(Topic.__name__) == before + 1
    client.disconnect()
    market.clock.advance(31)
    market.hub.topics.forget_idle()
    assert not len(market.hub.topics)
    assert there_are(Topic.__name__) == before


@pytest.mark.usefixtures("seldom")
async def test_a_read_that_found_no_database_is_gone(tmp_path: Path) -> None:
    async with asyncpg.create_pool(host=str(tmp_path), user="nobody", min_size=0) as pool:
        before = there_are("frame")
        for _ in range(3):
            with pytest.raises(OSError, match="No such file"):
                async with borrowed(pool, 5.0):
                    pass
        assert there_are("FileNotFoundError") == 0
        assert there_are("frame") <= before
