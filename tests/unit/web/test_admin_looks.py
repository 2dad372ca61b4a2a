"""Topics that are looked at: only while somebody watches, and told only what has changed."""

import asyncio
from functools import partial

from actors import UnavailableError
from tests.support.clock import FakeClock
from web.live.looks import ACTOR_SECONDS, Look, Looks
from web.live.names import Kind, Name
from web.live.sources import Source
from web.live.topic import Topic

NAME = Name(Kind.ACTOR, "ticket:1")


class Clock(FakeClock):
    """Sleeping lets others run, too."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)


class World:
    """One thing to be looked at."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.thing: bytes | None = b"1"
        self.is_away = False
        self.count = 0
        self.news = 0
        self.looks = Looks(self.clock)
        self.looks.looker = self
        source: Source = None  # type: ignore[assignment]  # It is never asked.
        self.topic = Topic(NAME.internal, NAME.wire, source, epoch="e", is_feed=False)

    async def look(self, name: Name) -> Look | None:
        assert name == NAME
        self.count += 1
        if self.is_away:
            raise UnavailableError("away")
        if self.thing is None:
            return None
        return Look("ticket/1", self.thing, partial(self._body, self.thing))

    @staticmethod
    def _body(thing: bytes, version: int) -> bytes:
        return b'{"version":%d,"thing":%b}' % (version, thing)

    async def rounds(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    def keep_looking(self) -> None:
        self.looks.keep_looking(NAME, self.topic, self._has_news)

    def _has_news(self, topic: Topic) -> None:
        assert topic is self.topic
        self.news += 1

    def items(self) -> list[bytes]:
        return self.topic.delta_since(0, self.clock.now()).items


async def test_what_has_not_changed_is_not_told() -> None:
    world = World()
    assert await world.looks.look(NAME, world.topic)
    assert world.topic.is_loaded
    before = world.items()
    assert not await world.looks.look(NAME, world.topic)
    assert world.items() == before
    world.thing = b"2"
    assert await world.looks.look(NAME, world.topic)
    assert world.items() != before


async def test_versions_rise_even_where_time_stands_still() -> None:
    world, versions = World(), []
    for number in range(4):
        world.thing = b"%d" % number
        await world.looks.look(NAME, world.topic)
        versions.append(world.topic.version_of("ticket/1") or 0)
    assert versions == sorted(set(versions))
    assert versions[0] >= world.clock.now().timestamp()


async def test_what_is_gone_has_left_and_may_come_back() -> None:
    world = World()
    await world.looks.look(NAME, world.topic)
    world.thing = None
    assert await world.looks.look(NAME, world.topic)
    assert world.items() == []
    world.thing = b"2"
    assert await world.looks.look(NAME, world.topic)
    assert len(world.items()) == 1


async def test_what_is_not_there_is_a_topic_without_items() -> None:
    world = World()
    world.thing = None
    assert not await world.looks.look(NAME, world.topic)
    assert world.topic.is_loaded
    assert world.items() == []


async def test_it_is_looked_at_as_long_as_somebody_watches() -> None:
    world = World()
    world.topic.holds = 1
    await world.looks.look(NAME, world.topic)
    world.keep_looking()
    world.keep_looking()
    assert len(world.looks) == 1
    await world.rounds(10)
    seen = world.count
    assert seen > 3
    assert world.clock.monotonic() >= (seen - 1) * ACTOR_SECONDS
    assert world.news == 0
    world.topic.holds = 0
    await world.rounds(3)
    assert not len(world.looks)
    seen = world.count
    await world.rounds(10)
    assert world.count == seen


async def test_a_look_that_fails_does_not_end_it() -> None:
    world = World()
    world.topic.holds = 1
    await world.looks.look(NAME, world.topic)
    world.keep_looking()
    world.is_away, world.thing = True, b"2"
    await world.rounds(5)
    assert world.news == 0
    world.is_away = False
    await world.rounds(5)
    assert world.news == 1
    await world.looks.stop()
    assert not len(world.looks)


async def test_nobody_sees_anything_where_nobody_can_look() -> None:
    world = World()
    world.looks.looker = None
    assert not await world.looks.look(NAME, world.topic)
    world.keep_looking()
    assert not len(world.looks)
