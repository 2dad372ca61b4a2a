"""What is secret or personal is marked by its type, and is not shown wherever it is nested."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, get_args, get_type_hints

import msgspec
import pytest
from msgspec import UNSET, UnsetType

from actors import Message, State
from actors.message import encode, messages
from actors.redaction import UNREADABLE, mark_of, marks, redact, redacted, redacted_message
from tests.support import golden
from ticketing.auth.messages import SignUp
from ticketing.auth.state import AccountState
from ticketing.bootstrap import STATE_TYPES
from ticketing.values import UserId

# A field that is called so is one to hide, whatever else it is called.
TELLTALE: Final = ("password", "secret", "token", "email", "delivery", "card", "iban", "phone")

Hidden = Annotated[str, redact("secret")]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    number: Hidden
    brand: str


class Order(Message[None], frozen=True, kw_only=True, tag="tests.order"):
    at: datetime
    card: Card | None = None
    cards: tuple[Card, ...] = ()
    by_name: Mapping[str, Card] = {}
    notes: tuple[Hidden, ...] = ()
    pin: Hidden | UnsetType | None = UNSET
    comment: str | UnsetType = UNSET


VISA: Final = Card(number="4242", brand="visa")
VISA_SEEN: Final = {"number": "(secret)", "brand": "visa"}
AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def words() -> Iterator[type[msgspec.Struct]]:
    """Every state, fact and message of the domain."""
    yield from STATE_TYPES.values()
    yield from golden.words("fact").values()
    yield from golden.words("message").values()


def nested(hint: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs in *hint*, and those in their fields."""
    for part in get_args(hint):
        yield from nested(part)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
        for field in get_type_hints(hint, include_extras=True).values():
            yield from nested(field)


STRUCTS: Final = sorted({each for word in words() for each in nested(word)}, key=str)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__qualname__)
def test_every_field_with_a_telltale_name_is_marked(struct: type[msgspec.Struct]) -> None:
    telltale = {name for name in struct.__struct_fields__ if any(word in name for word in TELLTALE)}
    assert telltale <= marks(struct).keys()


def test_the_walk_comes_by_what_is_nested() -> None:
    assert {"Attempt", "AccountState", "SignUp", "AttemptActionRequired", "Authorise"} <= {
        each.__name__ for each in STRUCTS
    }


def test_marked_fields_are_hidden_wherever_they_are() -> None:
    order = Order(
        at=AT, card=VISA, cards=(VISA, VISA), by_name={"a": VISA}, notes=("x",), pin="0000"
    )
    assert redacted(order) == {
        "at": "2026-03-01T12:00:00Z",
        "card": VISA_SEEN,
        "cards": [VISA_SEEN, VISA_SEEN],
        "by_name": {"a": VISA_SEEN},
        "notes": "(secret)",
        "pin": "(secret)",
    }


def test_nothing_is_no_secret() -> None:
    seen = redacted(Order(at=AT, pin=None))
    assert (seen["pin"], seen["notes"], seen["card"]) == (None, [], None)
    assert "comment" not in seen


def test_an_account_shows_neither_its_address_nor_its_hash() -> None:
    account = AccountState(
        id="kim@example.com", version=1, email="Kim@example.com", password_hash="$argon2id$x"
    )
    seen = redacted(account)
    assert (seen["id"], seen["email"], seen["password_hash"]) == (
        "(personal)", "(personal)", "(secret)",
    )  # fmt: skip
    assert "example" not in str(seen)
    assert "argon2" not in str(seen)


def test_stored_messages_are_read_and_hidden() -> None:
    message = SignUp(user_id=UserId("u"), email="kim@example.com", password_hash="$argon2id$x")
    assert redacted_message("auth.sign_up", encode(message)) == {
        "user_id": "u", "email": "(personal)", "password_hash": "(secret)",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "body"),
    [("no.such", b"{}"), ("auth.sign_up", b"{}"), ("auth.sign_up", b'{"email"'), ("x", b"\xff")],
)
def test_what_cannot_be_read_is_not_shown_either(name: str, body: bytes) -> None:
    assert redacted_message(name, body) == UNREADABLE


def test_marks_change_nothing_of_what_is_stored() -> None:
    assert encode(VISA) == b'{"number":"4242","brand":"visa"}'
    assert msgspec.json.decode(encode(VISA), type=Card) == VISA


def test_a_mark_is_found_in_any_part_of_a_type() -> None:
    assert mark_of(Hidden) == mark_of(Hidden | None) == mark_of(list[Hidden]) == "secret"
    assert mark_of(str | None) is None
    assert mark_of(Annotated[str, msgspec.Meta(max_length=3)]) is None


def test_every_kind_of_state_and_message_can_be_shown() -> None:
    for kind in STATE_TYPES.values():
        assert redacted(kind(id="x"))
    for word in messages(Message):
        assert marks(word) is not None
    assert issubclass(AccountState, State)
