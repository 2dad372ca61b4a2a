"""How many tickets one user may hold at a time."""

from datetime import timedelta

import pytest

from tests.support.clock import START
from ticketing.errors import TooManyReservationsError
from ticketing.values import TicketId, UserId
from web.reservations import InFlight, refuse_hoarding

ME, OTHER = UserId("me"), UserId("other")
A, B, C = TicketId("a"), TicketId("b"), TicketId("c")
UNTIL = START + timedelta(seconds=90)


def hoards(*, reserved: set[TicketId], before: set[TicketId], wanted: TicketId) -> bool:
    held = dict.fromkeys(reserved, UNTIL)
    try:
        refuse_hoarding(held, frozenset(before), wanted, at_most=2, now=START)
    except TooManyReservationsError:
        return True
    return False


def test_other_tickets_count_once_and_the_wanted_one_never() -> None:
    assert not hoards(reserved={A}, before=set(), wanted=B)
    assert not hoards(reserved={A}, before={A, C}, wanted=C)
    assert not hoards(reserved={A, B}, before={A}, wanted=A)
    assert hoards(reserved={A, B}, before=set(), wanted=C)
    assert hoards(reserved={A}, before={B}, wanted=C)


def test_the_refusal_says_when_a_place_is_free() -> None:
    held = {A: UNTIL, B: UNTIL - timedelta(seconds=60.5)}
    with pytest.raises(TooManyReservationsError) as caught:
        refuse_hoarding(held, frozenset(), C, at_most=2, now=START)
    assert caught.value.details["retry_after"] == 30


def test_requests_in_flight_count_in_the_order_they_came() -> None:
    in_flight = InFlight()
    with in_flight.placing(ME, A) as first, in_flight.placing(ME, B) as second:
        assert first == frozenset()
        assert second == {A}
        with in_flight.placing(OTHER, A) as theirs:
            assert theirs == frozenset()
    with in_flight.placing(ME, C) as later:
        assert later == frozenset()
