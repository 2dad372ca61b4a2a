"""Cursors."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web import pages
from web.refusals import InvalidInputError

ID = "01900000-0000-7000-8000-000000000000"


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)))  # noqa: DTZ001 - made aware below
def test_instants_survive_to_the_microsecond(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)
    text = pages.cursor("newest", (instant, ID))
    assert pages.decode(text, "newest", instants=True) == (instant, ID)


@pytest.mark.parametrize("value", [0, 1, 99_999_999, 2**63 - 1])
def test_prices_survive(value: int) -> None:
    text = pages.cursor("price", (value, ID))
    assert pages.decode(text, "price", instants=False) == (value, ID)
    assert "=" not in text


@pytest.mark.parametrize(
    "position",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'["price",1]',
        b'["price",1.5,"%s"]' % ID.encode(),
        b'["price",-1,"%s"]' % ID.encode(),
        b'["price",9223372036854775808,"%s"]' % ID.encode(),
        b'["price",1,"x"]',
        b'["price",1,"%s",2]' % ID.encode(),
        b'["newest",1,"%s"]' % ID.encode(),
        b"\xff",
    ],
)
def test_what_is_no_cursor_is_refused(position: bytes) -> None:
    text = base64.urlsafe_b64encode(position).decode()
    with pytest.raises(InvalidInputError):
        pages.decode(text, "price", instants=False)


def test_an_instant_that_no_calendar_has_is_refused() -> None:
    far = pages.cursor("newest", (2**62, ID))
    with pytest.raises(InvalidInputError):
        pages.decode(far, "newest", instants=True)


def test_instants_are_shown_in_milliseconds() -> None:
    from web.instants import shown  # noqa: PLC0415 - the only test of it

    instant = datetime(2026, 1, 31, 18, 0, 0, 999_999, UTC)
    assert shown(instant) == "2026-01-31T18:00:00.999Z"
    assert shown(instant.replace(microsecond=0) + timedelta(days=1)) == "2026-02-01T18:00:00.000Z"
