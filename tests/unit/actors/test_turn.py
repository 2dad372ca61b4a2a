"""A turn: what it collects, and when it may ask."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actors import DirtyAskError, Message, Ref, Turn
from tests.support.counter import Add, Added, CounterState, Look, Mark, Noted, counter

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)


@pytest.fixture
def asked() -> list[Ref]:
    return []


@pytest.fixture
def turn(asked: list[Ref]) -> Turn[CounterState]:
    async def ask(_turn: Turn[Any], ref: Ref, _message: Message[Any]) -> int:
        asked.append(ref)
        return 42

    return Turn(
        counter("a"),
        CounterState(id="a", version=3, total=10),
        now=NOW,
        by=None,
        deadline=0.0,
        attempts=0,
        asker=ask,
    )


def test_a_recorded_fact_is_applied_at_once(turn: Turn[CounterState]) -> None:
    turn.record(Added(amount=5))
    assert turn.state.total == 15
    assert turn.before.total == 10


def test_a_turn_raises_the_version_by_one_whatever_it_records(turn: Turn[CounterState]) -> None:
    turn.record(Added(amount=5))
    turn.record(Noted(note="x"))
    turn.record(Added(amount=5))
    assert turn.state == CounterState(id="a", version=4, total=20, note="x")


def test_a_turn_that_records_nothing_leaves_the_version(turn: Turn[CounterState]) -> None:
    turn.tell(counter("b"), Add())
    turn.schedule("later", LATER, Add())
    assert turn.state.version == 3


def test_what_was_told_is_due_now_and_what_was_scheduled_then(turn: Turn[CounterState]) -> None:
    turn.tell(counter("b"), Add())
    turn.schedule("later", LATER, Add())
    assert [(send.ref, send.name, send.due_at) for send in turn.sends] == [
        (counter("b"), None, NOW),
        (counter("a"), "later", LATER),
    ]


def test_the_last_word_on_a_timer_counts(turn: Turn[CounterState]) -> None:
    turn.cancel("tick")
    turn.schedule("tick", NOW, Add())
    turn.schedule("tick", LATER, Add())
    turn.schedule("tock", LATER, Add())
    turn.cancel("tock")
    turn.cancel("tock")
    assert [(send.name, send.due_at) for send in turn.sends] == [("tick", LATER)]
    assert turn.cancels == ["tock"]


def test_a_named_message_told_twice_is_sent_once(turn: Turn[CounterState]) -> None:
    turn.tell(counter("b"), Add(amount=1), name="tick")
    turn.tell(counter("b"), Add(amount=2), name="tick")
    turn.tell(counter("c"), Add(amount=3), name="tick")
    turn.tell(counter("b"), Add(amount=4))
    turn.tell(counter("b"), Add(amount=5))
    assert [send.message for send in turn.sends] == [Add(amount=each) for each in (2, 3, 4, 5)]


def test_anothers_timer_of_the_same_name_is_not_touched(turn: Turn[CounterState]) -> None:
    turn.tell(counter("b"), Add(), name="tick")
    turn.cancel("tick")
    assert [send.ref for send in turn.sends] == [counter("b")]


async def test_a_clean_turn_may_ask(turn: Turn[CounterState], asked: list[Ref]) -> None:
    assert await turn.ask(counter("b"), Look()) == 42
    assert asked == [counter("b")]
    assert turn.is_clean


@pytest.mark.parametrize("what", ["record", "tell", "schedule", "cancel", "append"])
async def test_a_turn_that_has_written_may_not_ask(
    turn: Turn[CounterState], asked: list[Ref], what: str
) -> None:
    writes = {
        "record": lambda: turn.record(Added(amount=1)),
        "tell": lambda: turn.tell(counter("b"), Add()),
        "schedule": lambda: turn.schedule("tick", LATER, Add()),
        "cancel": lambda: turn.cancel("tick"),
        "append": lambda: turn.append(Mark(key="a", total=1)),
    }
    writes[what]()
    assert not turn.is_clean
    with pytest.raises(DirtyAskError):
        await turn.ask(counter("b"), Look())
    assert asked == []


def test_an_actor_exists_once_it_has_recorded_something(asked: list[Ref]) -> None:
    async def ask(_turn: Turn[Any], ref: Ref, _message: Message[Any]) -> None:
        asked.append(ref)

    blank = Turn(
        counter("a"),
        CounterState(id="a"),
        now=NOW,
        by=None,
        deadline=0.0,
        attempts=0,
        asker=ask,
    )
    assert not blank.exists
    blank.record(Added(amount=1))
    assert blank.exists
    assert blank.state.version == 1
