"""Who is let in: how many sockets there may be, and how many handshakes a second.

A gateway that restarts, or a network that comes back, has everybody connect at one moment. A
handshake costs a millisecond, and each one above what is let in a cheap 503 that says when to come
again - while orders, which share the process, still get their turns.
"""

from collections import Counter
from typing import Final

from web.live.protocol import Close
from web.live.socket import LiveSocket

__all__ = ["PER_ADDRESS_MAX", "PER_USER_MAX", "SOCKETS_MAX", "Admission"]

SOCKETS_MAX: Final = 10_000  # 20 KB each: 200 MB.
PER_USER_MAX: Final = 10  # Tabs and devices.
PER_ADDRESS_MAX: Final = 40  # A household, or an office with one address; each page has one.

HANDSHAKES_PER_SECOND: Final = 400
"""Less than half of what one process can do."""

HANDSHAKES_BURST: Final = 400


class Admission:
    """Counts sockets and handshakes."""

    def __init__(self, *, limits_per_client: bool) -> None:
        self._limits_per_client = limits_per_client
        self._by_user: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()
        self._allowance = float(HANDSHAKES_BURST)
        self._allowed_at = 0.0

    def may_shake_hands(self, now: float) -> bool:
        """Count a handshake that begins *now*; False: it has to come again."""
        passed = (now - self._allowed_at) * HANDSHAKES_PER_SECOND
        self._allowance = min(HANDSHAKES_BURST, self._allowance + passed)
        self._allowed_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def enter(self, socket: LiveSocket) -> Close | None:
        """Count *socket*, in any case; why it may not stay, or None."""
        self._by_address[socket.address] += 1
        too_many = self._by_address[socket.address] > PER_ADDRESS_MAX
        if socket.user_id is not None:
            self.signed_in(socket.user_id)
            too_many = too_many or self._by_user[socket.user_id] > PER_USER_MAX
        return Close.TOO_MANY if too_many and self._limits_per_client else None

    def signed_in(self, user_id: str) -> Close | None:
        """A socket that was a stranger's is *user_id*'s now."""
        self._by_user[user_id] += 1
        is_full = self._by_user[user_id] > PER_USER_MAX
        return Close.TOO_MANY if is_full and self._limits_per_client else None

    def leave(self, socket: LiveSocket) -> None:
        _take_one(self._by_address, socket.address)
        if socket.user_id is not None:
            _take_one(self._by_user, socket.user_id)


def _take_one(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
