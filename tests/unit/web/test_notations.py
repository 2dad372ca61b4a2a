"""What callers are shown of money, instants and ids can be said back, and means the same."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Ids, SystemClock
from ticketing.values import CURRENCIES, PRICE_MAX, major, minor
from web import fields, instants

MILLISECOND = timedelta(milliseconds=1)

MONEY = st.sampled_from(sorted(CURRENCIES)).flatmap(
    lambda currency: st.tuples(
        st.just(currency), st.integers(1, int(PRICE_MAX.scaleb(CURRENCIES[currency])))
    )
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(MONEY)
def test_a_price_is_said_back_as_a_number_and_as_text(money: tuple[str, int]) -> None:
    currency, amount = money
    shown = major(amount, currency)
    assert minor(shown, currency) == minor(repr(shown), currency) == amount


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - the zone is drawn
def test_an_instant_is_said_back_to_the_millisecond(instant: datetime) -> None:
    shown = instants.shown(instant)
    again = instants.parse(shown)
    assert instants.shown(again) == shown
    assert timedelta(0) <= instant.astimezone(UTC) - again < MILLISECOND


def test_an_id_is_one_that_may_be_asked_for() -> None:
    ids = Ids(SystemClock())
    made = [ids.new() for _ in range(1_000)]
    assert all(map(fields.is_id, made))
    assert made == sorted(set(made))
