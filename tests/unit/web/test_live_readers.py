"""Slow readers and strangers: whom the hub harms, and what it tells nobody."""

from datetime import timedelta

from tests.support.live_world import EVENT, EVENTS, TICKET, Client, Market, subscribed, ticket_id
from ticketing.tickets import TicketStatus
from ticketing.values import UserId
from web.live.socket import STUCK_SECONDS


async def test_a_slow_reader_is_told_the_newest_state_and_not_every_step() -> None:
    market = Market()
    market.commit(1)
    slow, quick = await subscribed(market, TICKET), await subscribed(market, TICKET)
    slow.transport.is_stalled = True
    market.change(1)
    await market.hub.rounds.flush()
    for price in range(100):
        market.change(1, price_minor=price)
        await market.hub.rounds.flush()
        quick.read()
    assert len(slow.transport.waiting) == 1
    assert quick.versions(TICKET) == {ticket_id(1): 102}
    slow.read()
    await market.hub.rounds.flush()
    slow.read()
    assert [len(message["items"]) for message in slow.messages] == [1, 1, 1]
    assert slow.versions(TICKET) == {ticket_id(1): 102}


async def test_a_stuck_reader_is_cut_off_and_the_others_do_not_notice() -> None:
    market = Market()
    market.commit(1)
    stuck, other = await subscribed(market, TICKET), await subscribed(market, TICKET)
    stuck.transport.is_stalled = True
    began = market.clock.monotonic()
    while not stuck.transport.is_aborted:
        market.change(1)
        market.clock.advance(await market.hub.rounds.flush())
        other.read()
        assert other.versions(TICKET) == market.truth(TICKET)
        assert stuck.transport.get_write_buffer_size() < 1_000
    assert STUCK_SECONDS <= market.clock.monotonic() - began < 20


async def test_a_stuck_reader_is_noticed_where_nothing_happens() -> None:
    market = Market()
    market.commit(1)
    client = Client(market, TICKET)
    client.transport.is_stalled = True
    await client.subscribe(TICKET)
    began = market.clock.monotonic()
    while not client.transport.is_aborted:
        await market.hub.rounds.flush()
        await market.hub.sweep()
        market.clock.advance(0.5)
    assert market.clock.monotonic() - began < 20


async def test_one_write_carries_all_topics() -> None:
    market = Market()
    market.commit(1, event_id=EVENTS[0])
    client = await subscribed(market, TICKET, EVENT, "tickets")
    market.change(1)
    market.change(1)
    await market.hub.rounds.flush()
    [write] = client.transport.waiting
    assert write.count(b'"op":"upd"') == 3


async def test_a_frame_is_built_once_for_all() -> None:
    market = Market()
    market.commit(1)
    clients = [await subscribed(market, TICKET) for _ in range(3)]
    market.change(1)
    await market.hub.rounds.flush()
    first, *others = [client.transport.waiting[0] for client in clients]
    assert all(other is first for other in others)


async def test_who_reserved_is_not_told() -> None:
    market = Market()
    market.commit(1, event_id=EVENTS[0])
    client = await subscribed(market, TICKET, EVENT, "tickets")
    until = market.clock.now() + timedelta(minutes=15)
    market.change(
        1,
        status=TicketStatus.RESERVED,
        buyer_id=UserId("the buyer"),
        order_id="the order",
        reserved_at=market.clock.now(),
        reserved_until=until,
    )
    await market.hub.rounds.flush()
    [write] = client.transport.waiting
    assert b"the buyer" not in write
    assert b"the order" not in write
    assert write.count(b'"reservedUntil"') == 3


async def test_an_overdue_reservation_reads_as_none_to_who_comes_now() -> None:
    market = Market()
    until = market.clock.now() + timedelta(seconds=10)
    market.commit(
        1,
        status=TicketStatus.RESERVED,
        buyer_id=UserId("the buyer"),
        reserved_at=market.clock.now(),
        reserved_until=until,
    )
    before = await subscribed(market, TICKET)
    assert before.statuses == {TicketStatus.RESERVED}
    market.clock.advance(10)
    after = await subscribed(market, TICKET)
    assert after.statuses == {TicketStatus.AVAILABLE}


async def test_what_is_of_an_event_that_began_is_withdrawn_to_who_comes_now() -> None:
    market = Market()
    market.commit(1, event_starts_at=market.clock.now() + timedelta(hours=1))
    assert (await subscribed(market, TICKET)).statuses == {TicketStatus.AVAILABLE}
    market.clock.advance(3600)
    assert (await subscribed(market, TICKET)).statuses == {TicketStatus.WITHDRAWN}
