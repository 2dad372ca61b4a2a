"""How many tickets one user may hold at a time, and what a crowd is told without a turn."""

from datetime import datetime, timedelta
from typing import cast

import pytest

from actors import Ref, Runtime, State
from tests.support.clock import START
from ticketing import tickets
from ticketing.errors import TicketUnavailableError, TooManyReservationsError
from ticketing.values import OrderId, TicketId, UserId
from web.reservations import InFlight, refuse_hoarding, refuse_if_taken

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


HELD = tickets.TicketState(
    id=A, version=2, seller_id=UserId("seller"), status=tickets.TicketStatus.RESERVED,
    order_id=OrderId("order"), buyer_id=OTHER, reserved_at=START, reserved_until=UNTIL,
)  # fmt: skip


class Remembering:
    """A runtime in whose memory there is one ticket, or none, at *now*; it is also its clock."""

    def __init__(self, ticket: State | None, at: datetime = START) -> None:
        self._ticket = ticket
        self._now = at
        self.clock = self

    def now(self) -> datetime:
        return self._now

    def peek(self, ref: Ref) -> State | None:
        assert ref == tickets.ticket(A)
        return self._ticket


def is_told(buyer: UserId, ticket: State | None, at: datetime = START) -> bool:
    try:
        refuse_if_taken(cast("Runtime", Remembering(ticket, at)), A, buyer)
    except TicketUnavailableError as refusal:
        return bool(refusal.details["available_at"] == UNTIL)
    return False


def test_who_wants_what_another_holds_is_told_at_once() -> None:
    assert is_told(ME, HELD)


def test_holder_and_seller_hear_it_from_the_ticket() -> None:
    assert not is_told(OTHER, HELD)
    assert not is_told(UserId("seller"), HELD)


def test_what_is_free_or_asleep_or_just_running_out_is_the_tickets_to_say() -> None:
    assert not is_told(ME, None)
    assert not is_told(ME, tickets.TicketState(id=A, version=1, seller_id=UserId("seller")))
    assert not is_told(ME, HELD, at=UNTIL)
