"""Rows that wait: the next one due, one by one, and those of an actor."""

from datetime import UTC, datetime, timedelta

from actors import Ref
from actors.store import InboxRow
from actors.waiting import Waiting

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def row(row_id: str, key: str, seconds: float, *, kind: str = "counter") -> InboxRow:
    """Due *seconds* after noon."""
    return InboxRow(
        id=row_id,
        partition=0,
        kind=kind,
        key=key,
        message="counter.add",
        body=b"{}",
        due_at=NOON + timedelta(seconds=seconds),
    )


def taken(waiting: Waiting, seconds: float) -> list[str]:
    """The ids of all that are due *seconds* after noon, as they come."""
    ids = []
    while (each := waiting.take_due(NOON + timedelta(seconds=seconds))) is not None:
        ids.append(each.id)
    return ids


def ids_of(waiting: Waiting, kind: str, key: str) -> set[str]:
    return {each.id for each in waiting.of(Ref(kind, key))}


def test_rows_come_when_they_are_due_in_order_of_time_and_id() -> None:
    waiting = Waiting()
    for each in (row("d", "1", 3), row("b", "2", 1), row("a", "3", 1), row("c", "1", 2)):
        waiting.add(each)
    assert taken(waiting, 0.5) == []
    assert taken(waiting, 2) == ["a", "b", "c"]
    assert (len(waiting), "d" in waiting, "a" in waiting) == (1, True, False)
    assert taken(waiting, 9) == ["d"]
    assert waiting.next_at is None


def test_whoever_is_due_before_all_others_says_so() -> None:
    waiting = Waiting()
    assert [waiting.add(row(str(n), "1", due)) for n, due in enumerate((5, 7, 3, 4))] == [
        True, False, True, False,
    ]  # fmt: skip
    assert waiting.next_at == NOON + timedelta(seconds=3)


def test_an_actor_has_one_row_or_several_and_a_namesake_of_another_kind_has_its_own() -> None:
    waiting = Waiting()
    rows = [row("a", "1", 1), row("b", "1", 2), row("c", "1", 3, kind="courier")]
    for each in rows:
        waiting.add(each)
    assert ids_of(waiting, "counter", "1") == {"a", "b"}
    assert ids_of(waiting, "courier", "1") == {"c"}
    assert ids_of(waiting, "counter", "2") == set()
    for each in rows:
        assert each.id in ids_of(waiting, each.kind, "1")
        waiting.remove(each)
        assert each.id not in ids_of(waiting, each.kind, "1")
    assert (len(waiting), waiting._of_key) == (0, {})


def test_what_was_removed_never_comes() -> None:
    waiting = Waiting()
    gone, kept = row("a", "1", 1), row("b", "1", 1)
    waiting.add(gone)
    waiting.add(kept)
    waiting.remove(gone)
    assert taken(waiting, 9) == ["b"]


def test_a_row_that_was_put_off_comes_once_and_at_its_new_time() -> None:
    waiting = Waiting()
    first, later = row("a", "1", 1), row("a", "1", 5)
    waiting.add(first)
    waiting.remove(first)
    waiting.add(later)
    assert taken(waiting, 4) == []
    assert taken(waiting, 5) == ["a"]
    again = row("a", "1", 1)
    for _ in range(2):
        waiting.add(again)
        waiting.remove(again)
    waiting.add(again)
    assert taken(waiting, 9) == ["a"]
