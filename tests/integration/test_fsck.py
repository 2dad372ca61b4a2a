"""`ticketing fsck`: says nothing of a healthy market, and just what is wrong with a broken one."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from tests.support import breaks, postgres
from tests.support import market as markets
from tests.support.breaks import Break
from tests.support.market import Market, Meddler
from ticketing.fsck import Violation, check, run
from ticketing.orders import messages as orders
from ticketing.payments import messages as payments
from ticketing.tickets import messages as tickets

pytestmark = pytest.mark.asyncio(loop_scope="session")

_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def healthy(databases: postgres.Databases) -> AsyncIterator[Market]:
    """A market that nobody changes: the others are copies of it."""
    dsn = await databases.create()
    with postgres.data_folder() as folder:
        yield await markets.make(dsn, folder / "var")
    await databases.drop(dsn)


@pytest_asyncio.fixture(loop_scope="session")
async def meddler(healthy: Market) -> AsyncIterator[Meddler]:
    """Who may do what he likes with a copy."""
    name = f"market_{next(_numbers)}"
    original = healthy.dsn.split("?", 1)[0].rsplit("/", 1)[1]
    server = await asyncpg.connect(healthy.dsn.replace(f"/{original}", "/postgres", 1))
    await server.execute(f"create database {name} template {original} strategy file_copy")
    dsn = healthy.dsn.replace(f"/{original}", f"/{name}", 1)
    connection = await asyncpg.connect(dsn)
    try:
        yield Meddler(replace(healthy, dsn=dsn), connection)
    finally:
        await connection.close()
        await server.execute(f"drop database {name} with (force)")
        await server.close()


async def found(
    market: Market, intents: list[dict[str, Any]] | None = None, *, at_rest: bool = False
) -> list[Violation]:
    connection = await asyncpg.connect(market.dsn)
    try:
        held = market.intents if intents is None else intents
        return await check(connection, sandbox_intents=held, at_rest=at_rest)
    finally:
        await connection.close()


async def test_a_healthy_market_is_clean(
    healthy: Market, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await found(healthy) == []
    assert await found(healthy, at_rest=True) == []
    assert await run(healthy.dsn) == 0
    assert capsys.readouterr().out == ""


async def test_the_command_prints_a_line_for_each_violation(
    meddler: Meddler, capsys: pytest.CaptureFixture[str]
) -> None:
    await meddler.sql("update tickets set title = 'Forged' where id in ('t-free', 't-sold')")
    assert await run(meddler.market.dsn) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "fold: ticket t-free: title is 'Forged', the facts make it 'A seat'",
        "fold: ticket t-sold: title is 'Forged', the facts make it 'A seat'",
    ]


BREAKS: Final[list[tuple[Break, set[str], str]]] = [
    (
        breaks.lose_the_order_of_a_reservation,
        {"reserved"},
        "ticket t-reserved: reserved for order o-live, which does not exist",
    ),
    (
        breaks.cancel_the_order_of_a_reservation,
        {"reserved"},
        "ticket t-reserved: reserved for order o-live, which is cancelled (user)",
    ),
    (
        breaks.release_the_ticket_of_a_live_order,
        {"live"},
        "order o-live: created, but ticket t-reserved is available",
    ),
    (
        breaks.sell_to_an_order_that_is_not_settled,
        {"sold"},
        "ticket t-reserved: sold to order o-live, which is created and not settled",
    ),
    (
        breaks.take_the_ticket_from_a_complete_order,
        {"settled"},
        "order o-complete: complete and settled, but ticket t-sold is available (order none)",
    ),
    (
        breaks.sell_twice,
        {"one-sale"},
        "ticket t-back: 2 complete orders: o-cancelled, o-second",
    ),
    (
        breaks.lose_the_payment_of_a_complete_order,
        {"complete", "books"},
        "order o-complete: complete, but its payment does not exist",
    ),
    (
        breaks.forget_that_an_order_is_complete,
        {"captured"},
        "payment o-complete: captured, but its order is awaiting:payment",
    ),
    (
        breaks.start_an_attempt_and_tell_nobody,
        {"stuck"},
        "payment o-tried: attempt 2 is started, and no message will move it on",
    ),
    (
        breaks.lose_the_void_of_an_attempt,
        {"stuck"},
        "payment o-acting: attempt 1 is voiding, and no message will move it on",
    ),
    (
        breaks.cancel_an_order_and_not_its_payment,
        {"abandoned"},
        "payment o-acting: attempt 1 waits for the card holder, but its order is cancelled (user)",
    ),
    (
        breaks.cancel_what_is_paid,
        {"captured", "sold", "paid-for-nothing"},
        "payment o-complete: captured, but its order is cancelled (user)",
    ),
    (
        breaks.refund_an_order_and_not_its_payment,
        {"refunded", "paid-for-nothing"},
        "order o-complete: refunded, but its payment is captured, its last attempt captured",
    ),
    (
        breaks.lose_the_refund_of_a_payment,
        {"stuck"},
        "payment o-complete: attempt 1 is refunding, and no message will move it on",
    ),
    (
        breaks.refund_without_taking_the_ticket_back,
        {"sold"},
        "ticket t-sold: sold to order o-complete, which is cancelled (refunded)",
    ),
    (
        breaks.fail_to_give_money_back,
        {"refund-failed", "paid-for-nothing"},
        "payment o-complete: 2500 usd could not be given back (attempt 1)",
    ),
    (
        breaks.refund_a_complete_order,
        {"complete", "refunded", "movements"},
        "order o-complete: complete, but its payment is refunded",
    ),
    (
        breaks.settle_an_order_that_nobody_pays,
        {"stuck"},
        "order o-live: settled, but its payment does not exist",
    ),
    (breaks.miss_a_deadline, {"deadline"}, "ticket t-reserved: reserved until "),
    (breaks.lose_the_timer_of_a_ticket, {"timer"}, "ticket t-reserved: reserved until "),
    (breaks.park_the_timer_of_an_order, {"timer"}, "order o-live: created until "),
    (breaks.lose_the_timer_of_an_event, {"timer"}, "ticket t-listed: available, and no timer"),
    (
        breaks.start_an_event_and_tell_nobody,
        {"deadline"},
        "ticket t-listed: available, but event e-night started 01:00:0",
    ),
    (
        breaks.lose_an_event,
        {"event"},
        "ticket t-listed: for event e-night, which does not exist",
    ),
    (
        breaks.change_the_price_after_the_reservation,
        {"snapshot"},
        'order o-live: holds 1 usd, title "A seat", seller seller, buyer buyer',
    ),
    (
        breaks.ask_for_another_amount,
        {"payment"},
        "payment o-tried: 1 usd from buyer buyer",
    ),
    (
        breaks.lose_a_cent,
        {"ledger", "movements"},
        "order o-complete: its movements in all sum to 1 usd",
    ),
    (
        breaks.take_a_share_from_the_seller,
        {"movements", "books"},
        "capture provider: the ledger has 2499 usd, the payment makes it 2500",
    ),
    (
        breaks.book_a_movement_elsewhere,
        {"ledger", "movements"},
        "order o-complete: its movements of taken:1 sum to 2500 usd",
    ),
    (
        breaks.book_twice,
        {"movements", "books"},
        "in all provider: the ledger has 5000 usd, the payment makes it 2500",
    ),
    (
        breaks.book_nothing,
        {"movements", "books"},
        "capture provider: the ledger has 0 usd, the payment makes it 2500",
    ),
    (
        breaks.book_no_refund,
        {"movements", "books"},
        "order o-refunded: the provider keeps 0 usd, booked are 2500",
    ),
    (
        breaks.book_what_was_not_paid,
        {"movements", "books"},
        "capture provider: the ledger has 2500 usd, the payment makes it 0",
    ),
    (breaks.change_the_audit_log, {"audit"}, "entry 1: its contents are not those"),
    (breaks.cut_the_audit_log_short, {"audit"}, "entry 0: is the last; the keeper has 1 entries"),
    (
        breaks.misplace_a_message,
        {"inbox"},
        "orders.expire to order o-live: it is in partition 0, expected",
    ),
    (breaks.write_to_nobody, {"inbox"}, "to bookmaker 0: there is no such kind"),
    (
        breaks.garble_a_message,
        {"inbox"},
        "watch 0: it cannot be read: expected one",
    ),
    (
        breaks.garble_a_fact,
        {"journal"},
        "ticket t-edited: ticket.edited in version 2 cannot be read",
    ),
    (
        breaks.rename_a_fact,
        {"journal"},
        "version 2 is called ticket.listed, but holds ticket.edited",
    ),
    (breaks.invent_a_kind, {"journal"}, "kind bookmaker: 1 facts of an unknown kind"),
    (breaks.lose_a_version, {"versions"}, "ticket t-edited: fact 3.0 follows, expected 1.1 or 2.0"),
    (
        breaks.lose_the_last_version,
        {"versions"},
        "ticket t-edited: the row has version 3, the last fact 2",
    ),
    (
        breaks.start_counting_at_one,
        {"versions"},
        "ticket t-edited: fact 3.1 follows, expected 2.1 or 3.0",
    ),
    (breaks.change_a_row, {"fold"}, "ticket t-free: seat is '12', the facts make it None"),
    (breaks.lose_a_row, {"fold"}, "ticket t-free: has facts up to version 1, but no row"),
    (breaks.make_a_row_up, {"fold"}, "ticket t-free: has a row, but no facts"),
    (breaks.misplace_a_row, {"partition"}, "ticket t-free: belongs to partition "),
    (
        breaks.write_without_the_fence,
        {"epoch"},
        "ticket t-edited: version 3 is of epoch 0, after one of 1",
    ),
]


@pytest.mark.parametrize(("do", "rules", "line"), BREAKS, ids=[do.__name__ for do, _, _ in BREAKS])
async def test_what_is_broken_is_named(
    meddler: Meddler, do: Break, rules: set[str], line: str
) -> None:
    await do(meddler)
    violations = await found(meddler.market)
    assert {violation.rule for violation in violations} == rules, violations
    assert any(line in str(violation) for violation in violations), violations


async def test_a_young_reservation_without_an_order_may_still_get_it(meddler: Meddler) -> None:
    await breaks.lose_the_order_of_a_reservation(meddler)
    await breaks.make_the_reservation_young(meddler)
    assert await found(meddler.market) == []


async def test_a_young_release_and_a_young_sale_may_still_reach_their_order(
    meddler: Meddler,
) -> None:
    await breaks.sell_to_an_order_that_is_not_settled(meddler, at=await meddler.now())
    assert await found(meddler.market) == []
    await breaks.release_the_ticket_of_a_live_order(meddler, at=await meddler.now())
    assert await found(meddler.market) == []


async def test_a_young_capture_may_still_complete_its_order(meddler: Meddler) -> None:
    await breaks.forget_that_an_order_is_complete(meddler)
    await breaks.make_the_capture_young(meddler)
    assert await found(meddler.market) == []


async def test_a_young_attempt_may_still_tell_somebody(meddler: Meddler) -> None:
    await breaks.start_an_attempt_and_tell_nobody(meddler, at=await meddler.now())
    assert await found(meddler.market) == []


async def test_at_rest_no_pair_may_be_open_however_young(meddler: Meddler) -> None:
    await breaks.sell_to_an_order_that_is_not_settled(meddler, at=await meddler.now())
    assert [each.rule for each in await found(meddler.market, at_rest=True)] == ["sold"]


async def test_an_order_that_is_being_adopted_is_not_missed(meddler: Meddler) -> None:
    market = meddler.market
    await breaks.lose_the_order_of_a_reservation(meddler)
    reservation = tickets.Reservation(
        ticket_id=market.reserved,
        ticket_version=2,
        order_id=market.live,
        buyer_id=markets.BUYER,
        seller_id=markets.SELLER,
        title="A seat",
        price_minor=markets.PRICE,
        currency="usd",
        until=await meddler.now(),
    )
    await meddler.tell(orders.order(market.live), orders.Adopt(reservation=reservation))
    assert await found(market) == []


async def test_what_a_watch_is_about_to_see_is_not_missed(meddler: Meddler) -> None:
    await meddler.forget("order", meddler.market.live)
    await breaks.have_the_watches_look(meddler, seconds=3)
    assert [violation.rule for violation in await found(meddler.market)] == ["reserved"]
    await breaks.have_the_watches_look(meddler, seconds=0)
    assert await found(meddler.market) == []


async def test_an_order_that_is_being_cancelled_needs_no_ticket(meddler: Meddler) -> None:
    market = meddler.market
    await breaks.release_the_ticket_of_a_live_order(meddler)
    cancel = orders.Cancel(buyer_id=None, reason=orders.CancelReason.ADMIN)
    await meddler.tell(orders.order(market.live), cancel)
    assert await found(market) == []


async def test_a_sale_whose_payment_is_about_to_settle_it_is_no_violation(
    meddler: Meddler,
) -> None:
    market = meddler.market
    await breaks.sell_to_an_order_that_is_not_settled(meddler)
    authorised = payments.Authorised(number=1, intent_id="pi_1")
    await meddler.tell(payments.payment(market.live), authorised)
    assert await found(market) == []


async def test_a_capture_whose_order_is_being_told_is_no_violation(meddler: Meddler) -> None:
    market = meddler.market
    await breaks.forget_that_an_order_is_complete(meddler)
    complete = orders.Complete(at=await meddler.now())
    await meddler.tell(orders.order(market.complete), complete)
    assert await found(market) == []


async def test_a_ticket_that_is_being_taken_back_may_still_be_sold(meddler: Meddler) -> None:
    market = meddler.market
    await breaks.refund_without_taking_the_ticket_back(meddler)
    unsell = tickets.Unsell(order_id=market.complete, relist=False)
    await meddler.tell(tickets.ticket(market.sold), unsell)
    assert await found(market) == []


async def test_an_order_that_is_being_told_of_its_refund_may_still_be_complete(
    meddler: Meddler,
) -> None:
    market = meddler.market
    await breaks.refund_a_complete_order(meddler)
    await meddler.tell(orders.order(market.complete), orders.Refund(relist=False))
    assert {violation.rule for violation in await found(market)} == {"movements"}


async def test_a_payment_that_is_being_abandoned_may_still_wait(meddler: Meddler) -> None:
    market = meddler.market
    await breaks.cancel_an_order_and_not_its_payment(meddler)
    await meddler.tell(payments.payment(market.acting), payments.Abandon())
    assert await found(market) == []


async def test_an_attempt_whose_successor_voids_it_is_not_stuck(meddler: Meddler) -> None:
    market = meddler.market
    await breaks.lose_the_void_of_an_attempt(meddler)
    replace_ = payments.Authorise(
        number=2, amount_minor=1, currency="usd", token="t", replaces="pi", replaces_number=1
    )
    await meddler.tell(payments.teller(market.acting), replace_)
    assert await found(market) == []


async def test_a_message_about_another_attempt_moves_nothing_on(meddler: Meddler) -> None:
    market = meddler.market
    await breaks.lose_the_void_of_an_attempt(meddler)
    await meddler.tell(payments.teller(market.acting), payments.Void(number=2, intent_id="pi"))
    assert [violation.rule for violation in await found(market)] == ["stuck"]


async def test_a_parked_message_closes_nothing(meddler: Meddler) -> None:
    market = meddler.market
    await breaks.forget_that_an_order_is_complete(meddler)
    complete = orders.Complete(at=await meddler.now())
    await meddler.tell(orders.order(market.complete), complete)
    await meddler.sql("update inbox set parked_at = now() where message = 'orders.complete'")
    assert [violation.rule for violation in await found(market)] == ["captured"]


def intents(market: Market, order_id: str, **changes: Any) -> list[dict[str, Any]]:
    """What the provider holds, with the intents of *order_id* changed."""
    return [
        intent | changes if intent["metadata"]["order_id"] == order_id else intent
        for intent in market.intents
    ]


async def test_a_complete_order_is_paid_exactly_once(healthy: Market) -> None:
    lost = intents(healthy, healthy.complete, status="canceled")
    twice = healthy.intents + [intent for intent in lost if intent["status"] == "canceled"]
    twice[-1] = twice[-1] | {"status": "succeeded", "id": "pi_again"}
    less = intents(healthy, healthy.complete, amount_received=1)
    back = intents(healthy, healthy.complete, amount_refunded=2500)
    part = intents(healthy, healthy.complete, amount_refunded=500)
    cases = (
        (lost, "nothing"),
        (twice, "(pi_again)"),
        (less, "captured was 1 usd"),
        (back, "nothing"),
        (part, "captured was 2000 usd"),
    )
    for held, what in cases:
        violation, books = await found(healthy, held)
        assert str(violation).startswith("paid-once: order o-complete: costs 2500 usd, captured")
        assert what in violation.detail
        assert books.rule == "books"


async def test_nobody_pays_for_nothing(healthy: Market) -> None:
    held = intents(healthy, healthy.tried, status="succeeded", amount_received=2500, created=1)
    violation, books = await found(healthy, held)
    assert (violation.rule, books.rule) == ("paid-for-nothing", "books")
    assert violation.detail == "captured 2500 usd for order o-tried, but it is created"
    stranger = [held[0] | {"metadata": {}, "status": "succeeded", "created": 1}]
    (violation,) = await found(healthy, healthy.intents + stranger)
    assert violation.detail.endswith("for order ?, but there is none")


async def test_no_authorisation_is_left_open(healthy: Market, meddler: Meddler) -> None:
    now = (await meddler.now()).timestamp()
    fresh = intents(healthy, healthy.tried, status="requires_capture", created=now)
    assert await found(healthy, fresh) == []
    assert [each.rule for each in await found(healthy, fresh, at_rest=True)] == ["left-open"]
    old = intents(healthy, healthy.tried, status="requires_capture", created=1)
    (violation,) = await found(healthy, old)
    assert str(violation).startswith("left-open: intent pi_")
    assert violation.detail.startswith("2500 usd held for ")
    assert violation.detail.endswith(" s, order o-tried")


async def test_what_was_given_back_was_paid_for_nothing_and_is_no_violation(
    healthy: Market,
) -> None:
    taken = {"status": "succeeded", "amount_received": 2500, "created": 1}
    held = intents(healthy, healthy.tried, **taken, amount_refunded=2500)
    assert await found(healthy, held) == []
    held = intents(healthy, healthy.tried, **taken, amount_refunded=2499)
    assert {each.rule for each in await found(healthy, held)} == {"paid-for-nothing", "books"}


async def test_the_books_agree_to_the_cent(healthy: Market) -> None:
    held = intents(healthy, healthy.refunded, amount_refunded=2499, created=1)
    assert [str(each) for each in await found(healthy, held) if each.rule == "books"] == [
        "books: order o-refunded: the provider keeps 1 usd, booked are 0"
    ]


async def test_no_card_holder_is_waited_for_longer_than_the_order_lives(meddler: Meddler) -> None:
    market = meddler.market
    assert "requires_action" in {intent["status"] for intent in market.intents}
    await breaks.cancel_an_order_and_not_its_payment(meddler)
    await meddler.tell(payments.payment(market.acting), payments.Abandon())
    assert await found(market) == []
    assert [each.rule for each in await found(market, at_rest=True)] == ["left-waiting"]
