"""What an actor decided, and how the machinery failed, is the same on another node."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from actors import ActorError, RefusalError, UnavailableError
from actors.error_wire import Failure, Refusal, failure, refusal
from actors.errors import HeldError
from ticketing import errors
from web import refusals

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def below(kind: type[Any]) -> list[type[Any]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in below(sub))]


def across(sent: Refusal | Failure) -> Any:
    body = msgspec.msgpack.encode(sent)
    return msgspec.msgpack.decode(body, type=Refusal | Failure).error()


def test_no_two_errors_share_a_name() -> None:
    assert refusals is not errors  # Both are imported, so that all of theirs are looked at.
    for kind in (RefusalError, ActorError):
        names = [each.__name__ for each in below(kind) if each.__module__.split(".")[0] != "tests"]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", below(RefusalError), ids=lambda kind: kind.__name__)
def test_a_refusal_is_the_same(kind: type[RefusalError]) -> None:
    error = kind.__new__(kind)
    RefusalError.__init__(error, "No", available_at=AT, names=["a"], price=20)
    error.is_anothers = True
    there = across(refusal(error))
    assert type(there) is kind
    assert (str(there), there.code, there.field) == ("No", kind.code, kind.field)
    assert there.details == {"available_at": AT, "names": ["a"], "price": 20}
    assert there.is_anothers


def test_a_refusal_of_a_newer_release_keeps_its_code_and_words() -> None:
    there = across(
        Refusal(
            name="NobodyKnowsThisError",
            code="new_code",
            said="New words",
            details={},
            is_anothers=False,
        )
    )
    assert type(there) is RefusalError
    assert (there.code, str(there)) == ("new_code", "New words")
    assert RefusalError("again").code == "refused"


@pytest.mark.parametrize("kind", below(ActorError), ids=lambda kind: kind.__name__)
def test_a_failure_is_the_same(kind: type[ActorError]) -> None:
    error = kind.__new__(kind)
    ActorError.__init__(error, "It failed", executed="maybe")
    there = across(failure(error))
    assert (type(there), str(there), there.executed) == (kind, "It failed", "maybe")


def test_how_long_somebody_is_held_is_said() -> None:
    there = across(failure(HeldError("Later", retry_after=7.5)))
    assert isinstance(there, UnavailableError)
    assert there.retry_after == 7.5
