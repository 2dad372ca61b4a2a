"""The topics that somebody watches, or did a moment ago.

A topic is watched on the bus from the moment somebody asks for it, before the database is read;
what the read then brings is only taken in where it is newer. So nothing falls in between.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from actors import Bus, Change, Clock, Gatherer, Ids, UnavailableError
from ticketing.vault import Vault
from web.live.looks import Looks
from web.live.names import Kind, Name
from web.live.sources import Found, Sources, UnknownDeliveryError
from web.live.topic import Topic

__all__ = ["TOPICS_MAX", "Topics"]

TOPICS_MAX: Final = 50_000
"""Ten thousand sockets with five topics each that nobody else has."""

# As long as a client takes to come back; then it hears what it missed and not everything again.
_IDLE_SECONDS: Final = 30.0


class Topics:
    """Topics by their names. *on_news* is called when one of them has changed."""

    def __init__(
        self,
        *,
        bus: Bus,
        clock: Clock,
        ids: Ids,
        vault: Vault,
        loader: Gatherer[Name, Found],
        looks: Looks,
        on_news: Callable[[Topic], None],
        on_doubt: Callable[[Name], None],
    ) -> None:
        self.bus = bus
        self._looks = looks
        self._clock = clock
        self._loader = loader
        self._on_news = on_news
        self._on_doubt = on_doubt
        self._sources = Sources(vault, clock)
        self._topics: dict[Name, Topic] = {}
        # Cursors of another hub, or of a topic that was forgotten, must not be taken for ours.
        self._epoch = f"{ids.dice.getrandbits(40):x}"
        self._made = 0

    def __len__(self) -> int:
        return len(self._topics)

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._topics.values())

    def get(self, name: Name) -> Topic | None:
        return self._topics.get(name)

    @asynccontextmanager
    async def holding(self, names: Iterable[Name]) -> AsyncIterator[Mapping[Name, Topic]]:
        """Those of *names* that can be subscribed to, kept while the context lasts.

        What is missing cannot be read at the moment, or there are too many topics. What has to be
        read is read at one go: the reads of all, and of others who subscribe now, gather.
        """
        held = {name: topic for name in names if (topic := self._obtain(name)) is not None}
        for topic in held.values():
            topic.holds += 1
            topic.idle_since = None
        try:
            missing = [
                name
                for name, topic in held.items()
                if not topic.is_loaded
                or (name.kind.is_for_admins and not self._looks.is_looking(topic))
            ]
            if missing:
                await asyncio.gather(*(self._load(held[name], name) for name in missing))
            for name, topic in held.items():
                if name.kind.is_for_admins:
                    self._looks.keep_looking(name, topic, self._on_news)
            yield {name: topic for name, topic in held.items() if topic.is_loaded}
        finally:
            for topic in held.values():
                topic.holds -= 1
                self.note_if_idle(topic)

    def note_if_idle(self, topic: Topic) -> None:
        """Somebody let go of *topic*."""
        if not topic.sockets and not topic.holds:
            topic.idle_since = self._clock.monotonic()

    def forget_idle(self) -> None:
        """Let go of the topics that nobody has watched for a while."""
        latest = self._clock.monotonic() - _IDLE_SECONDS
        idle = [
            name
            for name, topic in self._topics.items()
            if topic.idle_since is not None and topic.idle_since <= latest
        ]
        for name in idle:
            self._topics.pop(name).end()

    def _obtain(self, name: Name) -> Topic | None:
        """The topic, watched from now on; None if there are too many."""
        topic = self.get(name)
        if topic is not None or len(self._topics) >= TOPICS_MAX:
            return topic
        self._made += 1
        topic = Topic(
            name.internal,
            name.wire,
            self._sources.of(name),
            epoch=f"{self._epoch}.{self._made:x}",
            is_feed=name.kind is Kind.TICKETS,
        )
        if name.on_bus is not None:
            topic.end_watch = self.bus.watch(name.on_bus, partial(self._changed, name, topic))
        self._topics[name] = topic
        return topic

    async def _load(self, topic: Topic, name: Name) -> None:
        """Take in what the database has; whatever the bus has brought meanwhile is newer.

        If it cannot be read the topic stays as it is: not loaded.
        """
        if name.kind.is_for_admins:
            await self._looks.look(name, topic)
            return
        seq = topic.seq
        try:
            found = await self._loader.get(name) or Found()
        except UnavailableError:
            return
        if topic.is_loaded:
            return  # Somebody else who waited was first.
        topic.is_feed = topic.is_feed or found.is_partial
        is_sure = self._take_in(topic, found, seq)
        topic.is_loaded = True
        topic.begin()
        if not is_sure:
            self._on_doubt(name)

    def _changed(self, name: Name, topic: Topic, change: Change) -> None:
        """The bus brings a change."""
        try:
            item = topic.source.item(change)
        except UnknownDeliveryError:
            self._on_doubt(name)
            return
        if item is None:
            return
        is_moved = (
            name.kind is Kind.EVENT
            and change.before is None
            and change.version > 1
            and topic.version_of(item.id) is None
        )
        if topic.put(item):
            self._on_news(topic)
            if is_moved:
                # Here, or away since: it may be a late word from where its actor was.
                self._on_doubt(name)

    # What was missed.

    def lost(self) -> list[Name]:
        """Changes may have been missed: the topics to read anew, those first that are watched."""
        names = [name for name in self._topics if name.on_bus is not None]
        return sorted(names, key=lambda name: not self._topics[name].sockets)

    async def read_anew(self, name: Name) -> bool:
        """Take in what the database has by now, and have told what is news.

        What the bus brings meanwhile is newer than the read, and stays. False: that is not sure
        everywhere, and the topic has to be read once more.

        Raises:
            UnavailableError: it cannot be read.

        """
        topic = self._topics.get(name)
        if topic is None:
            return True
        if not topic.is_loaded:
            return not topic.holds  # It may have been read since before it was in doubt.
        seq, is_sure = topic.seq, True
        if not topic.is_feed:
            found = await self._loader.get(name) or Found()
            if found.is_partial:
                topic.is_feed = True
            is_sure = self._take_in(topic, found, seq)
        if topic.is_feed:
            topic.begin_anew()
        if topic.seq != seq:
            self._on_news(topic)
        return is_sure or topic.is_feed

    def _take_in(self, topic: Topic, found: Found, seq: int) -> bool:
        """*found* is at least as new as all that came up to the number *seq*.

        False: what came after that, and was not found, is newer or a late word of something old.
        """
        items = list(topic.source.items(found))
        for item in items:
            topic.put(item)
        if found.is_partial or not topic.source.shows_all:
            return True
        return topic.keep({item.id for item in items}, up_to=seq)
