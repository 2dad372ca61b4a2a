"""Reading anew what may be old, when the bus may have missed something.

Sessions first, since somebody's may have ended; then the topics, those first that somebody
watches. Some at a time, because a line between processes that breaks does so for all gateways at
one moment, and the database has orders to serve.
"""

import asyncio
from collections.abc import Collection
from typing import Final

import structlog

from actors import Clock, UnavailableError
from actors.tasks import Tasks
from web.live.metrics import LiveMetrics
from web.live.names import Name
from web.live.topics import Topics
from web.revocations import Revocations

__all__ = ["Resync"]

log = structlog.get_logger("web.live")

# What is missed is seldom missed alone: words that follow say so again.
_GATHER_SECONDS: Final = 0.1

TOPICS_AT_ONCE: Final = 100
"""50,000 topics, as many as there may be, take a quarter of a minute; what is usual, a moment."""

_PAUSE_SECONDS: Final = 0.02

# However often something is missed: all of it is not read more often, nor is a database that is
# away asked more often.
_AGAIN_SECONDS: Final = 1.0

FEED_SECONDS: Final = 15.0
"""A feed has no state that could be read. Who follows it is told to begin anew, and does so by
REST; all of them at once, so not more often."""


class Resync:
    """What is to be read anew."""

    def __init__(
        self, clock: Clock, topics: Topics, revocations: Revocations, metrics: LiveMetrics
    ) -> None:
        self._clock = clock
        self._topics = topics
        self._revocations = revocations
        self._metrics = metrics
        self._doubted: dict[Name, None] = {}
        self._are_sessions_doubted = False
        self._feeds_at = float("-inf")
        self._tasks = Tasks(lambda _name, _error: None)  # It has been logged.
        self.is_running = False

    def lost(self) -> None:
        """Anything may have been missed."""
        self._metrics.missed.inc()
        self._are_sessions_doubted = True
        for name in self._topics.lost():
            self._doubted.setdefault(name)
        self._start()

    def add(self, name: Name) -> None:
        """This topic is in doubt."""
        self._doubted.setdefault(name)
        self._start()

    def _start(self) -> None:
        if not self.is_running:
            self.is_running = True
            self._tasks.start(self._run(), "topics read anew")

    async def stop(self) -> None:
        """Read no more."""
        await self._tasks.stop()

    async def _run(self) -> None:
        try:
            await self._clock.sleep(_GATHER_SECONDS)
            while self._doubted or self._are_sessions_doubted:
                began = self._clock.monotonic()
                await self._read_sessions()
                await self._read_topics()
                pause = began + _AGAIN_SECONDS - self._clock.monotonic()
                if (self._doubted or self._are_sessions_doubted) and pause > 0:
                    await self._clock.sleep(pause)
        finally:
            self.is_running = False

    async def _read_sessions(self) -> None:
        if not self._are_sessions_doubted:
            return
        self._are_sessions_doubted = False
        try:
            await self._revocations.read_anew()
        except UnavailableError:
            self._are_sessions_doubted = True

    async def _read_topics(self) -> None:
        """Each that is in doubt by now, once; what cannot be read stays so."""
        doubted, self._doubted = self._doubted, {}
        feeds = {name for name in doubted if self._is_feed(name)}
        self._put_off(feeds)
        names = [name for name in doubted if name not in self._doubted]
        for start in range(0, len(names), TOPICS_AT_ONCE):
            await asyncio.gather(*map(self._read, names[start : start + TOPICS_AT_ONCE]))
            await self._clock.sleep(_PAUSE_SECONDS)

    def _is_feed(self, name: Name) -> bool:
        topic = self._topics.get(name)
        return topic is not None and topic.is_feed

    def _put_off(self, feeds: Collection[Name]) -> None:
        """Leave *feeds* in doubt if it is too early for them; else it is their time."""
        now = self._clock.monotonic()
        if now < self._feeds_at + FEED_SECONDS:
            self._doubted.update(dict.fromkeys(feeds))
        elif feeds:
            self._feeds_at = now

    async def _read(self, name: Name) -> None:
        try:
            is_read = await self._topics.read_anew(name)
        except UnavailableError:
            self._doubted.setdefault(name)
        except Exception:
            log.exception("topic.not_read", topic=name.wire)  # The others go on.
        else:
            if is_read:
                self._metrics.reread.inc()
            else:
                self._doubted.setdefault(name)
