"""A line on which nothing arrives by itself: a test delivers what was cast, or lets it be lost."""

from collections import defaultdict, deque
from collections.abc import Callable

from actors.link import Answerer, Listener, UndeliveredError

__all__ = ["LossyLine", "LossyLink"]


class LossyLine:
    """What was cast and has not arrived, in order, for each node that listens."""

    def __init__(self) -> None:
        self.links: list[LossyLink] = []

    def link(self) -> "LossyLink":
        self.links.append(LossyLink(self))
        return self.links[-1]

    def settle(self) -> None:
        """Deliver everything, and what that leads to."""
        while any(link.waiting for link in self.links):
            for link in self.links:
                link.deliver()


class LossyLink:
    """One node's end. It hears itself, too, as a link may."""

    def __init__(self, line: LossyLine) -> None:
        self.waiting: deque[tuple[str, bytes]] = deque()
        self.cast_count = 0
        self._line = line
        self._listeners: defaultdict[str, list[Listener]] = defaultdict(list)
        self._when_back: list[Callable[[], None]] = []
        self._is_up = True

    @property
    def is_up(self) -> bool:
        return self._is_up

    @is_up.setter
    def is_up(self, value: bool) -> None:
        is_back = value and not self._is_up
        self._is_up = value
        if not value:
            self.waiting.clear()
        if is_back:
            for callback in self._when_back:
                callback()

    def cast(self, subject: str, body: bytes) -> None:
        self.cast_count += 1
        if self._is_up:
            for link in self._line.links:
                if link.is_up:
                    link.waiting.append((subject, body))

    def deliver(self, *, lost: bool = False) -> None:
        """All that waits arrives here; or, *lost*, the first of it never does."""
        if lost and self.waiting:
            self.waiting.popleft()
        while self.waiting:
            subject, body = self.waiting.popleft()
            for listener in tuple(self._listeners[subject]):
                listener(body)

    def hear(self, subject: str, listener: Listener) -> None:
        """As `listen`, for who cannot wait."""
        self._listeners[subject].append(listener)

    async def listen(self, subject: str, listener: Listener) -> Callable[[], None]:
        self.hear(subject, listener)
        return lambda: self._listeners[subject].remove(listener)

    def when_back(self, callback: Callable[[], None]) -> None:
        self._when_back.append(callback)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        self.is_up = False

    async def request(self, subject: str, body: bytes, *, timeout: float) -> bytes:  # noqa: ARG002
        raise UndeliveredError

    def give_up(self, subject: str) -> None:
        pass

    async def answer(self, subject: str, answerer: Answerer) -> Callable[[], None]:
        raise NotImplementedError
