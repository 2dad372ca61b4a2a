"""What nobody commits - how the node is doing, how an actor is - is looked at, again and again.

Only while somebody watches: a topic has one task, which ends when its last socket has left, and
begins anew with the next. What has not changed is not told.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import structlog

from actors import Clock, UnavailableError
from actors.tasks import Tasks
from web.live.names import Kind, Name
from web.live.topic import Item, Topic

__all__ = ["Look", "Looker", "Looks"]

log = structlog.get_logger("web.live")

OVERVIEW_SECONDS: Final = 1.0
ACTOR_SECONDS: Final = 0.25


class Look(NamedTuple):
    """What was seen."""

    id: str
    substance: bytes
    """What makes it another than before; not how long something has been so."""
    body: Callable[[int], bytes]
    """All of it, encoded, under a version."""


class Looker(Protocol):
    """Somebody who can look."""

    async def look(self, name: Name) -> Look | None:
        """What there is to be seen; None: there is no such thing."""
        ...


class Looks:
    """The topics that are looked at."""

    def __init__(self, clock: Clock) -> None:
        self.looker: Looker | None = None
        self._clock = clock
        self._version = 0
        self._seen: dict[Topic, Look] = {}
        self._looking: set[Topic] = set()
        self._tasks = Tasks(lambda _name, _error: None)  # It has been logged; others go on.

    def __len__(self) -> int:
        return len(self._looking)

    def is_looking(self, topic: Topic) -> bool:
        return topic in self._looking

    async def look(self, name: Name, topic: Topic) -> bool:
        """Look once, and take in what is seen; whether it is news."""
        if self.looker is None:
            return False
        try:
            look = await self.looker.look(name)
        except UnavailableError:
            return False
        topic.is_loaded = True
        return self._take(topic, look)

    def _take(self, topic: Topic, look: Look | None) -> bool:
        before = self._seen.get(topic)
        if look is not None and before is not None and look.substance == before.substance:
            return False
        item_id = look.id if look is not None else before.id if before is not None else None
        if item_id is None:
            return False
        # What another process showed before must not look newer: the time of day counts on.
        version = max(int(self._clock.now().timestamp() * 1000), self._version + 1)
        self._version = version
        if look is None:
            self._seen.pop(topic, None)
            return topic.put(Item(item_id, version, None))
        self._seen[topic] = look
        return topic.put(Item(item_id, version, look.body(version)))

    def keep_looking(self, name: Name, topic: Topic, on_news: Callable[[Topic], None]) -> None:
        """Look at *topic* from now on, as long as somebody watches it or is about to."""
        if topic not in self._looking and topic.is_loaded:
            self._looking.add(topic)
            self._tasks.start(self._keep_looking(name, topic, on_news), f"look at {name.wire}")

    async def _keep_looking(
        self, name: Name, topic: Topic, on_news: Callable[[Topic], None]
    ) -> None:
        seconds = OVERVIEW_SECONDS if name.kind is Kind.OVERVIEW else ACTOR_SECONDS
        try:
            while topic.sockets or topic.holds:
                await self._clock.sleep(seconds)
                try:
                    is_news = await self.look(name, topic)
                except Exception:
                    log.exception("look.failed", topic=name.wire)  # The next one may do better.
                else:
                    if is_news:
                        on_news(topic)
        finally:
            self._looking.discard(topic)
            self._seen.pop(topic, None)

    async def stop(self) -> None:
        """Look no more."""
        await self._tasks.stop()
