"""Sharing out what was granted, and the rows of a limit."""

from datetime import timedelta
from uuid import UUID

import pytest

from ticketing.rate_limits import Limit, shared_out

A, B = UUID(int=1), UUID(int=2)
LIMIT = Limit(name="a", at_once=1, every=timedelta(seconds=1))


@pytest.mark.parametrize(
    ("granted", "waits"), [(0, [7.0] * 3), (1, [0.0, 7.0, 7.0]), (3, [0.0] * 3)]
)
def test_the_first_of_several_pass(granted: int, waits: list[float]) -> None:
    assert shared_out([A, A, A], {A: (granted, 7.0)}) == waits


def test_everybody_has_their_own() -> None:
    assert shared_out([A, B, A, B], {A: (2, 1.5), B: (1, 2.5)}) == [0.0, 0.0, 0.0, 2.5]


def test_a_row_is_one_limits_and_tells_nothing() -> None:
    key = LIMIT.key("kim@example.com", "192.0.2.1")
    other = Limit(name="b", at_once=1, every=timedelta(seconds=1))
    assert key == LIMIT.key("kim@example.com", "192.0.2.1")
    assert len({key, other.key("kim@example.com", "192.0.2.1"), LIMIT.key("kim@example.com")}) == 3
