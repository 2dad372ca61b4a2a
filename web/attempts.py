"""How often somebody may try a password: slowed down after a few, never locked out for good.

Counted are attempts on one account from one address, so that a stranger who tries cannot keep the
owner out. It is this process's memory: several processes allow so many times as often. What limits
guessing altogether is the price of a hash and the short queue for it.
"""

from collections import OrderedDict
from typing import Final

from actors import Clock
from web.refusals import TooManyAttemptsError

__all__ = ["Attempts"]

# A forgotten password takes a few tries; who knows none is held to ten a minute.
_AT_ONCE: Final = 10
_INTERVAL_SECONDS: Final = 6.0

_KEYS_MAX: Final = 50_000  # About 10 MB; the one that was tried longest ago is forgotten first.


class Attempts:
    """Attempts by key, as a leaky bucket (GCRA): one number each."""

    def __init__(self, clock: Clock, *, keys_max: int = _KEYS_MAX) -> None:
        self._clock = clock
        self._keys_max = keys_max
        # The moment at which all attempts so far would have been at the allowed pace.
        self._paid_until: OrderedDict[tuple[str, str], float] = OrderedDict()

    def begin(self, key: tuple[str, str]) -> None:
        """Count an attempt.

        Raises:
            TooManyAttemptsError: there were too many lately; this one does not count.

        """
        now = self._clock.monotonic()
        paid_until = max(self._paid_until.get(key, now), now) + _INTERVAL_SECONDS
        excess = paid_until - now - _AT_ONCE * _INTERVAL_SECONDS
        if excess > 0:
            raise TooManyAttemptsError(retry_after=excess)
        self._paid_until[key] = paid_until
        self._paid_until.move_to_end(key)
        if len(self._paid_until) > self._keys_max:
            self._paid_until.popitem(last=False)

    def succeeded(self, key: tuple[str, str]) -> None:
        """It was the right one: what came before is forgiven."""
        self._paid_until.pop(key, None)
