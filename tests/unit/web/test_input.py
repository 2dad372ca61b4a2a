"""Untrusted JSON becomes a checked struct, or a problem document that says all that is wrong."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web import errors
from web.input import Input, Reader, parse_json
from web.refusals import InvalidInputError
from web.schemas.orders import NewOrder, OrdersQuery
from web.schemas.payments import NewPayment
from web.schemas.tickets import NewTicket, TicketChange, TicketsQuery
from web.schemas.users import SignIn, SignUp, TokenRequest

BODIES: list[type[Input]] = [
    NewTicket,
    TicketChange,
    NewOrder,
    NewPayment,
    SignUp,
    SignIn,
    TokenRequest,
]
QUERIES: list[type[Input]] = [TicketsQuery, OrdersQuery]

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | st.sampled_from(["usd", "20.00", "a@b.co", "tok_visa", "password", "-1", "1e3", "\0"])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=5
)


def shown(kind: type[Input]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def bodies_of(kind: type[Input]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(shown(kind)) | ANY_TEXT
    return st.dictionaries(names, ANYTHING, max_size=6)


def problem_of(read: Callable[[], object]) -> dict[str, Any] | None:
    """The problem document that a caller gets for what is read; None if nothing is wrong."""
    try:
        msgspec.json.encode(read())
    except InvalidInputError as refusal:
        response = errors.answer(refusal, "id")
    else:
        return None
    assert response.status == 400
    assert isinstance(response.body, bytes)
    problem: dict[str, Any] = json.loads(response.body)
    assert problem["errors"]
    return problem


@pytest.mark.parametrize("kind", BODIES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_json_is_read_or_refused(kind: type[Input], data: st.DataObject) -> None:
    raw = json.dumps(data.draw(bodies_of(kind))).encode()
    problem_of(lambda: Reader(kind).read(parse_json(raw)))


@pytest.mark.parametrize("kind", QUERIES)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_query_is_read_or_refused(kind: type[Input], data: st.DataObject) -> None:
    names = st.sampled_from(shown(kind)) | ANY_TEXT
    values = ANY_TEXT | st.sampled_from(["any", "1", "-price", "available,sold", "created"])
    query = data.draw(st.dictionaries(names, values, max_size=6))
    problem_of(lambda: Reader(kind, strict=False).read(query))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=40))
def test_any_bytes_are_an_object_or_refused(raw: bytes) -> None:
    problem_of(lambda: parse_json(raw))


def test_names_that_nobody_knows_are_not_echoed_at_length() -> None:
    said = {"email": "a@b.co", "password": "x", "\ud800" + "x" * 500: 1}
    problem = problem_of(lambda: Reader(SignIn).read(said))
    assert problem is not None
    (entry,) = problem["errors"]
    assert len(entry["field"]) < 80


def test_values_are_kept_as_the_rules_leave_them() -> None:
    offer = {"title": "  Final ", "price": "20.00", "section": " A ", "delivery": " code "}
    read = Reader(NewTicket).read(offer)
    assert (read.title, read.price, read.section, read.delivery) == (
        "Final",
        "20.00",
        "A",
        " code ",
    )
    assert (read.currency, read.seat) == ("usd", None)
