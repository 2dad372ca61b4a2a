"""Ids: UUIDs as RFC 9562 has them, written as `uuid.UUID` would, the same for the same seed."""

import random
from datetime import UTC, datetime
from uuid import RFC_4122, UUID

from actors import Ids, SystemClock, derived_id


class Stopped(SystemClock):
    """Always the same instant."""

    def now(self) -> datetime:
        return datetime(2026, 1, 31, 18, 0, 0, 999_000, UTC)


class Settable(SystemClock):
    """Somebody sets it."""

    milliseconds = 1_769_882_400_999

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.milliseconds / 1000, UTC)


def test_a_new_id_is_a_version_7_that_begins_with_the_time() -> None:
    ids = Ids(Stopped())
    made = [ids.new() for _ in range(1000)]
    assert len(set(made)) == len(made)
    for text in made:
        read = UUID(text)
        assert str(read) == text
        assert (read.version, read.variant) == (7, RFC_4122)
        assert read.int >> 80 == 1_769_882_400_999


def test_a_seed_decides_all_that_is_chance_in_an_id() -> None:
    dice = random.Random(7)  # noqa: S311 - not a secret
    head, tail = divmod(dice.getrandbits(74), 1 << 62)
    wanted = 1_769_882_400_999 << 80 | 0x7 << 76 | head << 64 | 0b10 << 62 | tail
    assert Ids(Stopped(), seed=7).new() == str(UUID(int=wanted))


def test_a_derived_id_is_a_version_8_of_its_parts() -> None:
    text = derived_id("a", "b")
    read = UUID(text)
    assert str(read) == text
    assert (read.version, read.variant) == (8, RFC_4122)
    assert text == derived_id("a", "b")
    assert text not in {derived_id("ab"), derived_id("b", "a")}


def test_ids_of_one_millisecond_are_in_the_order_they_were_made() -> None:
    clock = Settable()
    ids = Ids(clock, seed=3)
    made = [ids.new() for _ in range(5000)]
    clock.milliseconds -= 5  # Somebody sets it back.
    made += [ids.new() for _ in range(100)]
    clock.milliseconds += 10
    made += [ids.new() for _ in range(100)]
    assert made == sorted(set(made))
    assert {UUID(each).version for each in made} == {7}
