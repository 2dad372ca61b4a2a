"""The replies that somebody waits for, each until its deadline, with one alarm for all of them.

Almost every reply comes long before its deadline. A time limit of its own for each would be set and
lifted again thousands of times a second; here that costs an entry in a table, and the alarm goes
off about once in the time that asks are given.
"""

import asyncio

from actors.clock import Clock
from actors.errors import ExpiredError, UnavailableError

__all__ = ["Replies"]


class Replies:
    """Every reply that is waited for on this node."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deadlines: dict[asyncio.Future[object], float] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = float("inf")

    async def wait(self, reply: "asyncio.Future[object]", deadline: float) -> object:
        """What *reply* becomes.

        Raises:
            ExpiredError: nothing, until *deadline* on the monotonic clock.
            Exception: what it failed with.

        """
        self._deadlines[reply] = deadline
        if deadline < self._alarm_at:
            self._set_alarm(deadline)
        try:
            return await reply
        finally:
            del self._deadlines[reply]
            del reply  # A reply that is an error would lead back to this very frame.

    def give_up(self) -> None:
        """The node has stopped: who still waits hears that."""
        for reply in self._deadlines:
            if not reply.done():
                reply.set_exception(UnavailableError("The node has stopped", executed="maybe"))

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        pause = max(at - self._clock.monotonic(), 0.0)
        self._alarm = asyncio.get_running_loop().call_later(pause, self._expire)

    def _expire(self) -> None:
        now = self._clock.monotonic()
        self._alarm, self._alarm_at = None, float("inf")
        for reply, deadline in self._deadlines.items():
            if deadline <= now and not reply.done():
                reply.set_exception(ExpiredError())
        waiting = [deadline for deadline in self._deadlines.values() if deadline > now]
        if waiting:
            self._set_alarm(min(waiting))
