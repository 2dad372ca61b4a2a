"""How often a password may be tried."""

import pytest

from tests.support.clock import FakeClock
from web.attempts import Attempts
from web.refusals import TooManyAttemptsError

KEY, OTHER = ("me@example.com", "192.0.2.1"), ("me@example.com", "192.0.2.2")


def begun(attempts: Attempts, key: tuple[str, str], times: int = 20) -> int:
    """How many of so many attempts are let through."""
    for number in range(times):
        try:
            attempts.begin(key)
        except TooManyAttemptsError:
            return number
    return times


def test_a_few_at_once_and_then_one_at_a_time() -> None:
    clock = FakeClock()
    attempts = Attempts(clock)
    assert begun(attempts, KEY) == 10
    assert begun(attempts, OTHER) == 10
    clock.advance(6)
    assert begun(attempts, KEY) == 1
    clock.advance(3_600)
    assert begun(attempts, KEY) == 10


def test_the_refusal_says_when_to_come_back() -> None:
    clock = FakeClock()
    attempts = Attempts(clock)
    begun(attempts, KEY)
    clock.advance(2)
    with pytest.raises(TooManyAttemptsError) as caught:
        attempts.begin(KEY)
    assert caught.value.details["retry_after"] == pytest.approx(4)


def test_the_right_password_forgives_the_wrong_ones() -> None:
    attempts = Attempts(FakeClock())
    begun(attempts, KEY, 9)
    attempts.succeeded(KEY)
    assert begun(attempts, KEY) == 10


def test_only_so_many_are_remembered() -> None:
    attempts = Attempts(FakeClock(), keys_max=2)
    for name in ("a", "b", "c"):
        begun(attempts, (name, ""))
    assert begun(attempts, ("c", "")) == 0
    assert begun(attempts, ("a", "")) == 10
