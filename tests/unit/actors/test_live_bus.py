"""What the bus tells to whom."""

import pytest
from structlog.testing import CapturingLogger

from actors import Change, LocalBus
from tests.support.live_world import EVENTS, ticket_id
from ticketing.auth import AccountState
from ticketing.orders import OrderState
from ticketing.tickets import TicketState
from ticketing.topics import topics_of
from ticketing.values import OrderId, UserId


def ticket(number: int = 1, **fields: object) -> TicketState:
    return TicketState(id=ticket_id(number), seller_id=UserId("seller"), **fields)  # type: ignore[arg-type]


def change(state: TicketState, before: TicketState | None = None) -> Change:
    return Change("ticket", state.id, state.version, state, before)


def test_a_watched_topic_is_told_until_the_watch_ends() -> None:
    bus, heard = LocalBus(lambda each: (each.key,)), []
    end = bus.watch(ticket_id(1), heard.append)
    news = change(ticket())
    bus.publish(news)
    bus.publish(change(ticket(2)))
    end()
    end()
    bus.publish(news)
    assert heard == [news]
    assert not bus._listeners


def test_two_watchers_of_a_topic_are_told_both_and_end_one_by_one() -> None:
    bus, heard = LocalBus(lambda _: ("all",)), []
    ends = [bus.watch("all", heard.append) for _ in range(2)]
    bus.publish(change(ticket()))
    ends[0]()
    bus.publish(change(ticket()))
    assert len(heard) == 3


def test_a_listener_may_end_its_watch_while_it_is_told() -> None:
    bus, heard = LocalBus(lambda _: ("all",)), []

    def once(news: Change) -> None:
        heard.append(news)
        end()

    end = bus.watch("all", once)
    bus.watch("all", heard.append)
    bus.publish(change(ticket()))
    assert len(heard) == 2


def test_a_listener_that_fails_is_logged_and_hurts_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus, heard = LocalBus(lambda _: ("all",)), []

    def fails(_: Change) -> None:
        raise ValueError("a listener of no good")

    bus.watch("all", fails)
    bus.watch("all", heard.append)
    logger = CapturingLogger()
    monkeypatch.setattr("actors.bus.log", logger)
    bus.publish(change(ticket()))
    assert len(heard) == 1
    assert [(call.method_name, call.args) for call in logger.calls] == [
        ("exception", ("listener.failed",))
    ]


def test_where_nobody_watches_no_topics_are_asked_for() -> None:
    asked = []
    bus = LocalBus(lambda each: asked.append(each) or ())  # type: ignore[func-returns-value]
    bus.publish(change(ticket()))
    assert asked == []


def test_a_ticket_belongs_to_where_it_was_and_where_it_is() -> None:
    before = ticket(event_id=EVENTS[0], buyer_id=UserId("before"))
    after = ticket(event_id=EVENTS[1], buyer_id=UserId("after"))
    assert sorted(topics_of(change(after, before))) == sorted(
        [
            "tickets",
            f"ticket:{ticket_id(1)}",
            f"event:{EVENTS[0]}",
            f"event:{EVENTS[1]}",
            "user:seller",
            "user:before",
            "user:after",
        ]
    )


def test_a_topic_is_named_once() -> None:
    same = ticket(event_id=EVENTS[0], buyer_id=UserId("buyer"))
    topics = topics_of(change(same, same))
    assert len(topics) == len(set(topics)) == 5


def test_orders_are_their_buyers_and_accounts_their_users() -> None:
    order = OrderState(id=OrderId("o"), buyer_id=UserId("buyer"))
    assert topics_of(Change("order", "o", 1, order)) == ("user:buyer",)
    account = AccountState(id="a@example.com", user_id=UserId("u"))
    assert topics_of(Change("account", "a@example.com", 1, account)) == ("account:u",)
