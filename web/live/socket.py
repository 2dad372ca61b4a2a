"""One client's socket, as the hub sees it: where it is in each topic, and whether it takes more.

There is no queue. What a socket has not been told is the difference between its number in a topic
and the topic's; while the transport still holds bytes of the last write, nothing is added to them.
"""

from typing import Final, Protocol

from ticketing.auth.tokens import Claims
from ticketing.values import UserId
from web.live.protocol import MESSAGES_BURST, MESSAGES_PER_SECOND
from web.live.topic import Topic

__all__ = ["HELD_BYTES_MAX", "LiveSocket", "Transport"]

HELD_BYTES_MAX: Final = 131_072
"""One write carries about so much at most, and replies wait while so much is held: with what the
kernel takes (16 KB unsent, and a window), a client that does not read holds less than 512 KB."""

STUCK_SECONDS: Final = 12.0
"""Who takes nothing for so long is gone, or may as well be: half the time in which a client notices
by itself that it hears nothing, and more than a phone needs to change cells."""


class Transport(Protocol):
    """What a socket needs of `asyncio.Transport`."""

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def is_closing(self) -> bool: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class LiveSocket:
    """An open socket."""

    __slots__ = (
        "_allowance",
        "_allowed_at",
        "_held",
        "_held_since",
        "address",
        "claims",
        "closes_at",
        "cursors",
        "faults",
        "id",
        "transport",
    )

    def __init__(
        self, socket_id: str, transport: Transport, *, claims: Claims | None, address: str
    ) -> None:
        self.id = socket_id
        self.transport = transport
        self.claims = claims
        """Who it is; None is a stranger."""
        self.address = address
        self.cursors: dict[Topic, int] = {}
        """The number in each topic that it has been told up to."""
        self.closes_at: float | None = None
        """When it is cut off, since we have said goodbye; None: it is open."""
        self.faults = 0
        """Messages beyond the limit, one after the other."""
        self._allowance = float(MESSAGES_BURST)
        self._allowed_at = 0.0
        self._held = 0
        self._held_since: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may be told something."""
        return self.closes_at is None and not self.transport.is_closing()

    @property
    def user_id(self) -> UserId | None:
        return None if self.claims is None else self.claims.user_id

    def send(self, data: bytes) -> None:
        if self.is_open:
            self.transport.write(data)

    def may_say(self, now: float) -> float:
        """Count a message that came *now*: 0 if it is within the limit, else the seconds to wait.

        A token bucket: `MESSAGES_BURST` at once, and `MESSAGES_PER_SECOND` from then on.
        """
        passed = (now - self._allowed_at) * MESSAGES_PER_SECOND
        self._allowance = min(MESSAGES_BURST, self._allowance + passed)
        self._allowed_at = now
        if self._allowance < 1:
            self.faults += 1
            return (1 - self._allowance) / MESSAGES_PER_SECOND
        self._allowance -= 1
        self.faults = 0
        return 0.0

    def is_free(self, now: float) -> bool:
        """Whether all that was written is on its way; notes since when it is not."""
        held = self.transport.get_write_buffer_size()
        if not held:
            self._held_since = None
            return True
        if self._held_since is None or held < self._held:
            self._held_since = now
        self._held = held
        return False

    def is_stuck(self, now: float) -> bool:
        """Whether it has taken nothing for too long, as far as `is_free` has noticed."""
        return self._held_since is not None and now - self._held_since >= STUCK_SECONDS

    def behind(self) -> list[Topic]:
        """The topics of which it has not been told everything that is to be told now."""
        return [topic for topic, seq in self.cursors.items() if seq < topic.target]
