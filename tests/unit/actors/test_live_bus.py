"""What the bus tells to whom: the one of a single process, and the one between processes."""

from collections.abc import Callable

import pytest
from structlog.testing import CapturingLogger

from actors import Bus, Change, LocalBus, Ref, State
from actors.bus import Topics
from actors.linked_bus import CHANGES, LinkedBus
from tests.support.clock import FakeClock
from tests.support.live_world import EVENTS, ticket_id
from tests.support.lossy_link import LossyLine
from ticketing.auth import AccountState
from ticketing.orders import OrderState
from ticketing.tickets import TicketState
from ticketing.topics import shown, topics_of
from ticketing.values import OrderId, UserId


def ticket(number: int = 1, **fields: object) -> TicketState:
    return TicketState(id=ticket_id(number), seller_id=UserId("seller"), **fields)  # type: ignore[arg-type]


def change(state: TicketState, before: TicketState | None = None) -> Change:
    return Change("ticket", state.id, state.version, state, before)


Publish = Callable[[Change], None]
Wiring = tuple[Bus, Publish]
"""Where it is heard, and where it is committed."""

TYPES: dict[str, type[State]] = {"ticket": TicketState}


def local(topics: Topics) -> Wiring:
    bus = LocalBus(topics)
    return bus, bus.publish


def linked(topics: Topics) -> Wiring:
    """Between processes, heard where it is committed."""
    bus = LinkedBus(topics, LossyLine().link(), "node", clock=FakeClock(), state_types=TYPES)
    return bus, bus.publish


def elsewhere(topics: Topics) -> Wiring:
    """Between processes, heard at another node."""
    line, clock = LossyLine(), FakeClock()
    here, there = (
        LinkedBus(topics, line.link(), name, clock=clock, state_types=TYPES)
        for name in ("here", "there")
    )
    line.links[1].hear(CHANGES, there._heard)

    def publish(news: Change) -> None:
        here.publish(news)
        line.settle()

    return there, publish


Wired = Callable[[Topics], Wiring]


@pytest.fixture(params=[local, linked, elsewhere])
def wired(request: pytest.FixtureRequest) -> Wired:
    made: Wired = request.param
    return made


def test_a_watched_topic_is_told_until_the_watch_ends(wired: Wired) -> None:
    (bus, publish), heard = wired(lambda each: (each.key,)), []
    end = bus.watch(ticket_id(1), heard.append)
    news = change(ticket())
    publish(news)
    publish(change(ticket(2)))
    end()
    end()
    publish(news)
    assert [each._replace(before=None) for each in heard] == [news._replace(before=None)]
    assert not bus._listeners  # type: ignore[attr-defined]


def test_two_watchers_of_a_topic_are_told_both_and_end_one_by_one(wired: Wired) -> None:
    (bus, publish), heard = wired(lambda _: ("all",)), []
    ends = [bus.watch("all", heard.append) for _ in range(2)]
    publish(change(ticket()))
    ends[0]()
    publish(change(ticket()))
    assert len(heard) == 3


def test_changes_are_told_in_the_order_of_their_commits(wired: Wired) -> None:
    (bus, publish), heard = wired(lambda _: ("all", "others")), []
    bus.watch("all", heard.append)
    for version in range(1, 6):
        publish(change(ticket(version=version)))
    assert [each.version for each in heard] == [1, 2, 3, 4, 5]


async def test_who_waits_for_an_actor_is_given_the_newest_change_only(wired: Wired) -> None:
    bus, publish = wired(lambda _: ())
    with bus.subscribe(Ref("ticket", ticket_id(1))) as changes:
        publish(change(ticket(2, version=9)))
        for version in (1, 3, 2):  # The actor has moved, and the last word comes late.
            publish(change(ticket(version=version)))
        assert (await changes.next(1)).version == 3
        with pytest.raises(TimeoutError):
            await changes.next(0)
    publish(change(ticket(version=4)))
    assert not bus._watchers  # type: ignore[attr-defined]


def test_a_listener_may_end_its_watch_while_it_is_told(wired: Wired) -> None:
    (bus, publish), heard = wired(lambda _: ("all",)), []

    def once(news: Change) -> None:
        heard.append(news)
        end()

    end = bus.watch("all", once)
    bus.watch("all", heard.append)
    publish(change(ticket()))
    assert len(heard) == 2


def test_a_listener_that_fails_is_logged_and_hurts_nobody(
    wired: Wired, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bus, publish), heard = wired(lambda _: ("all",)), []

    def fails(_: Change) -> None:
        raise ValueError("a listener of no good")

    bus.watch("all", fails)
    bus.watch("all", heard.append)
    logger = CapturingLogger()
    monkeypatch.setattr("actors.bus.log", logger)
    publish(change(ticket()))
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


def test_orders_are_their_buyers() -> None:
    order = OrderState(id=OrderId("o"), buyer_id=UserId("buyer"))
    assert topics_of(Change("order", "o", 1, order)) == ("user:buyer",)


def test_of_accounts_only_the_end_of_sessions_is_told_and_nothing_that_opens_them() -> None:
    account = AccountState(
        id="a", user_id=UserId("u"), session_epoch=1, password_hash="x", reset_hash="y"
    )
    assert topics_of(Change("account", "a", 2, account, account)) == ()
    assert topics_of(Change("account", "a", 2, account, AccountState(id="a"))) == ("endings",)
    assert shown(account) == AccountState(id="a", user_id=UserId("u"), session_epoch=1)
