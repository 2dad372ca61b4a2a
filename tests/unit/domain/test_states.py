"""The states: what a sequence of facts makes of an actor, and nothing else."""

from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from typing import Any, TypeVar

from msgspec.structs import replace

from actors import State
from ticketing.auth.state import (
    AccountOpened,
    AccountState,
    RoleGranted,
    RoleRevoked,
    SessionsEnded,
)
from ticketing.events import Category, EventCard, EventState, identity, search_key
from ticketing.events.state import EventAdded
from ticketing.expiration.state import DeadlinesRepaired, WatchState
from ticketing.orders.state import (
    CancelReason,
    OrderCancelled,
    OrderCompleted,
    OrderPaymentBegun,
    OrderPaymentEnded,
    OrderPlaced,
    OrderSettled,
    OrderState,
    OrderStatus,
)
from ticketing.tickets.state import (
    LAPSES_FORGIVEN_AFTER,
    LAPSES_REMEMBERED,
    ReleaseReason,
    TicketEdited,
    TicketListed,
    TicketReleased,
    TicketReserved,
    TicketSold,
    TicketState,
    TicketStatus,
    TicketWithdrawn,
    WithdrawReason,
)
from ticketing.values import EventId, OrderId, TicketId, UserId

S = TypeVar("S", bound=State)

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
T1 = T0 + timedelta(minutes=15)
SELLER, BUYER = UserId("seller"), UserId("buyer")
TICKET, ORDER = TicketId("ticket"), OrderId("order")

LISTED = TicketListed(at=T0, seller_id=SELLER, title="A seat", price_minor=2500, currency="eur")
RESERVED = TicketReserved(order_id=ORDER, buyer_id=BUYER, at=T0, until=T1)
CARD = EventCard(
    id=EventId("event"), name="Night", category=Category.CONCERT, venue="Hall", city="Oslo",
    city_key="oslo", starts_at=T1, time_zone="Europe/Oslo",
)  # fmt: skip
ADDED = EventAdded(
    at=T0, user_id=SELLER, post_id="post", name="Night", name_key="night",
    category=Category.CONCERT, venue="Hall", city="Oslo", city_key="oslo", starts_at=T1,
    time_zone="Europe/Oslo",
)  # fmt: skip
PLACED = OrderPlaced(
    at=T0, ticket_id=TICKET, ticket_version=2, buyer_id=BUYER, seller_id=SELLER, title="A seat",
    price_minor=2500, currency="eur", expires_at=T1,
)  # fmt: skip


def fold(state: S, *facts: Any) -> S:
    return reduce(lambda before, fact: before.apply(fact), facts, state)


def ticket(*facts: Any) -> TicketState:
    return fold(TicketState(id=TICKET), LISTED, *facts)


def order(*facts: Any) -> OrderState:
    return fold(OrderState(id=ORDER), PLACED, *facts)


def released(buyer: str, reason: ReleaseReason = ReleaseReason.LAPSED) -> list[Any]:
    held = TicketReserved(order_id=ORDER, buyer_id=UserId(buyer), at=T0, until=T1)
    return [held, TicketReleased(order_id=ORDER, reason=reason, at=T1)]


def test_a_listed_ticket_is_available_as_it_was_offered() -> None:
    listed = ticket()
    assert listed.status is TicketStatus.AVAILABLE
    assert (listed.seller_id, listed.title, listed.price_minor, listed.currency) == (
        SELLER, "A seat", 2500, "eur",
    )  # fmt: skip
    assert listed.created_at == T0


def test_an_edit_replaces_the_whole_offer_and_nothing_else() -> None:
    edited = ticket(TicketEdited(title="Better", price_minor=3000, currency="usd", row="B"))
    assert (edited.title, edited.price_minor, edited.row) == ("Better", 3000, "B")
    assert (edited.seller_id, edited.created_at) == (SELLER, T0)


def test_a_reserved_ticket_says_who_holds_it_and_until_when() -> None:
    reserved = ticket(RESERVED)
    assert reserved.status is TicketStatus.RESERVED
    assert (reserved.order_id, reserved.buyer_id) == (ORDER, BUYER)
    assert (reserved.reserved_at, reserved.reserved_until) == (T0, T1)


def test_a_released_ticket_is_as_before_but_for_the_lapse_it_remembers() -> None:
    cancelled = ticket(*released(BUYER, ReleaseReason.CANCELLED))
    assert cancelled == ticket()
    lapsed = ticket(*released(BUYER))
    assert (lapsed.status, lapsed.order_id, lapsed.reserved_until) == (
        TicketStatus.AVAILABLE, None, None,
    )  # fmt: skip
    found = lapsed.lapses_of(BUYER)
    assert found is not None
    assert (found.count, found.last_at) == (1, T1)


def test_lapses_are_counted_for_each_buyer_and_the_longest_ago_is_forgotten() -> None:
    twice = ticket(*released("a"), *released("b"), *released("a"))
    assert [(each.buyer_id, each.count) for each in twice.lapses] == [("b", 1), ("a", 2)]
    crowd = ticket(*(fact for number in range(20) for fact in released(str(number))))
    assert len(crowd.lapses) == LAPSES_REMEMBERED
    assert crowd.lapses_of(UserId("3")) is None
    assert crowd.lapses_of(UserId("4")) is not None


def test_who_lets_it_lapse_a_day_later_is_counted_anew() -> None:
    held = ticket(*released(BUYER), *released(BUYER)).apply(RESERVED)
    assert held.lapses_with(T1 + LAPSES_FORGIVEN_AFTER) == 3
    later = T1 + LAPSES_FORGIVEN_AFTER + timedelta(seconds=1)
    assert held.lapses_with(later) == 1
    lapsed = TicketReleased(order_id=ORDER, reason=ReleaseReason.LAPSED, at=later, lapses=1)
    found = held.apply(lapsed).lapses_of(BUYER)
    assert found is not None
    assert (found.count, found.last_at) == (1, later)
    assert ticket(RESERVED).lapses_with(T1) == 1


def test_a_sold_ticket_keeps_its_order_and_has_no_deadline() -> None:
    sold = ticket(RESERVED, TicketSold(order_id=ORDER))
    assert sold.status is TicketStatus.SOLD
    assert (sold.order_id, sold.buyer_id, sold.reserved_until) == (ORDER, BUYER, None)


def test_an_event_is_what_was_announced_and_others_carry_its_card() -> None:
    event = fold(EventState(id=EventId("event")), ADDED)
    assert (event.name, event.starts_at, event.created_at) == ("Night", T1, T0)
    assert event.card == CARD


def test_a_ticket_has_the_event_that_it_was_last_offered_for() -> None:
    listed = fold(TicketState(id=TICKET), replace(LISTED, event_id=CARD.id, event=CARD))
    assert listed.event == CARD
    assert (listed.event_city_key, listed.event_starts_at) == ("oslo", T1)
    edited = TicketEdited(title="Better", price_minor=1, currency="usd")
    assert fold(listed, edited).event is None
    assert fold(listed, edited).event_starts_at is None
    again = fold(listed, edited, replace(edited, event_id=CARD.id, event=CARD))
    assert again.event == CARD


def test_a_ticket_has_started_with_its_event() -> None:
    listed = fold(TicketState(id=TICKET), replace(LISTED, event_id=CARD.id, event=CARD))
    assert [listed.has_started(at) for at in (T0, T1, T1 + timedelta(1))] == [False, True, True]
    assert not ticket().has_started(T1)


def test_names_are_compared_without_case_accents_and_space() -> None:
    for one, other in (
        ("  São   Paulo ", "sao paulo"),
        ("ÅRHUS", "århus"),
        ("Straße", "STRASSE"),
        ("\ufb01nale", "Finale"),
    ):
        assert search_key(one) == search_key(other)
        assert search_key(search_key(one)) == search_key(one)
    assert search_key("Bern") != search_key("Berlin")
    assert search_key("東京") != search_key("京都")


def test_an_event_announced_twice_is_one_and_the_same() -> None:
    there = T1.astimezone(timezone(timedelta(hours=-8)))
    assert identity("Élan", "Zürich", T1) == identity(" elan", "ZURICH", there)
    assert identity("Élan", "Zürich", T1) != identity("Élan", "Zürich", T0)
    assert identity("a b", "c", T1) != identity("a", "b c", T1)


def test_a_withdrawn_ticket_says_why() -> None:
    withdrawn = ticket(TicketWithdrawn(reason=WithdrawReason.SELLER))
    assert (withdrawn.status, withdrawn.withdraw_reason) == (TicketStatus.WITHDRAWN, "seller")


def test_a_placed_order_is_live_and_remembers_the_ticket_as_it_was() -> None:
    placed = order()
    assert placed.is_live
    assert placed.status is OrderStatus.CREATED
    assert (placed.ticket_id, placed.ticket_version, placed.price_minor) == (TICKET, 2, 2500)
    assert (placed.created_at, placed.expires_at) == (T0, T1)


def test_an_order_awaits_its_payment_while_one_is_under_way() -> None:
    begun = order(OrderPaymentBegun())
    assert (begun.status, begun.is_live) == (OrderStatus.AWAITING_PAYMENT, True)
    assert order(OrderPaymentBegun(), OrderPaymentEnded()) == order()


def test_a_settled_order_is_not_live_any_more_and_not_complete_yet() -> None:
    settled = order(OrderPaymentBegun(), OrderSettled(at=T0))
    assert (settled.status, settled.is_live) == (OrderStatus.AWAITING_PAYMENT, False)
    assert (settled.settled_at, settled.ended_at) == (T0, None)


def test_a_complete_order_has_ended() -> None:
    complete = order(OrderSettled(at=T0), OrderCompleted(at=T1))
    assert (complete.status, complete.ended_at) == (OrderStatus.COMPLETE, T1)
    assert not complete.is_live


def test_a_cancelled_order_says_why() -> None:
    cancelled = order(OrderCancelled(at=T1, reason=CancelReason.EXPIRED))
    assert (cancelled.status, cancelled.cancel_reason) == (OrderStatus.CANCELLED, "expired")
    assert cancelled.ended_at == T1
    assert not cancelled.is_live


def test_an_account_gains_and_loses_roles() -> None:
    opened = AccountOpened(at=T0, user_id=BUYER, email="A@example.com", password_hash="x")
    account = fold(AccountState(id="a@example.com"), opened, RoleGranted(role="admin"))
    assert (account.email, account.roles, account.session_epoch) == ("A@example.com", ("admin",), 0)
    revoked = fold(account, RoleRevoked(role="admin"), SessionsEnded())
    assert (revoked.roles, revoked.session_epoch) == ((), 1)


def test_a_watch_counts_its_repairs() -> None:
    watch = fold(
        WatchState(id="0"), DeadlinesRepaired(at=T0, count=2), DeadlinesRepaired(at=T1, count=3)
    )
    assert (watch.repairs, watch.repaired_at) == (5, T1)
