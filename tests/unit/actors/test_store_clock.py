"""The node's clock follows the store's, as far as an answer proves anything about it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import SystemClock

SECOND = timedelta(seconds=1)


class StoppedClock(SystemClock):
    """Stands still, but for its offset."""

    def __init__(self) -> None:
        super().__init__()
        self._stopped = super().now()

    def now(self) -> datetime:
        return self._stopped + self.offset


@pytest.fixture
def clock() -> StoppedClock:
    """A clock that has been corrected already."""
    clock = StoppedClock()
    clock.correct(clock.now(), asked_at=clock.now())
    return clock


def test_an_answer_that_was_long_under_way_moves_no_clock_that_may_be_right(
    clock: StoppedClock,
) -> None:
    received = clock.now()
    # The store looked at its clock, and was paused for ten seconds before it said so.
    clock.correct(received - 10 * SECOND, asked_at=received - 10 * SECOND)
    assert clock.offset == timedelta()


def test_a_clock_that_is_certainly_behind_is_set_to_what_the_store_says(
    clock: StoppedClock,
) -> None:
    asked_at = clock.now() - SECOND
    clock.correct(clock.now() + 60 * SECOND, asked_at=asked_at)
    assert clock.offset == 60 * SECOND


def test_a_clock_that_is_certainly_ahead_is_set_to_what_the_store_says(
    clock: StoppedClock,
) -> None:
    asked_at = clock.now() - SECOND
    clock.correct(clock.now() - 60 * SECOND, asked_at=asked_at)
    assert clock.offset == -60 * SECOND


seconds = st.floats(0, 20).map(lambda each: timedelta(seconds=each))


@given(st.floats(-600, 600), st.lists(st.tuples(seconds, seconds), min_size=1))
def test_it_is_never_ahead_and_behind_by_no_more_than_the_quickest_answer_took(
    wrong: float, ways: list[tuple[timedelta, timedelta]]
) -> None:
    clock = StoppedClock()
    truth = clock.now() + timedelta(seconds=wrong)
    for there, back in ways:
        clock.correct(truth - back, asked_at=clock.now() - there - back)
        assert clock.now() <= truth
    assert truth - clock.now() <= min(back for _, back in ways)
