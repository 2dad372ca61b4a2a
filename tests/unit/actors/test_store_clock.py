"""The node's clock follows the store's, as far as an answer proves anything about it."""

from datetime import datetime, timedelta

from actors import SystemClock
from actors.membership import set_clock

SECOND = timedelta(seconds=1)


class StoppedClock(SystemClock):
    """Stands still, but for its offset."""

    def __init__(self) -> None:
        super().__init__()
        self._stopped = super().now()

    def now(self) -> datetime:
        return self._stopped + self.offset


def test_an_answer_that_was_long_under_way_moves_no_clock_that_may_be_right() -> None:
    clock = StoppedClock()
    received = clock.now()
    # The store was paused for ten seconds and looked at its clock when it went on.
    set_clock(clock, received - 10 * SECOND, received)
    assert clock.offset == timedelta()


def test_a_clock_that_is_certainly_wrong_is_set_right() -> None:
    clock = StoppedClock()
    received = clock.now()
    set_clock(clock, received, received + 60 * SECOND)
    assert clock.offset == 60 * SECOND
