"""`ticketing fsck`: a pair that two commits close may be open while it is young or being closed."""

import pytest

from tests.support import breaks, breaks_money
from tests.support import market as markets
from tests.support.fsck import found
from tests.support.market import Meddler
from ticketing.orders import messages as orders
from ticketing.payments import messages as payments
from ticketing.tickets import messages as tickets

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
    await breaks_money.forget_that_an_order_is_complete(meddler)
    await breaks_money.make_the_capture_young(meddler)
    assert await found(meddler.market) == []


async def test_a_young_attempt_may_still_tell_somebody(meddler: Meddler) -> None:
    await breaks_money.start_an_attempt_and_tell_nobody(meddler, at=await meddler.now())
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
    await breaks_money.forget_that_an_order_is_complete(meddler)
    complete = orders.Complete(at=await meddler.now())
    await meddler.tell(orders.order(market.complete), complete)
    assert await found(market) == []


async def test_a_ticket_that_is_being_taken_back_may_still_be_sold(meddler: Meddler) -> None:
    market = meddler.market
    await breaks_money.refund_without_taking_the_ticket_back(meddler)
    unsell = tickets.Unsell(order_id=market.complete, relist=False)
    await meddler.tell(tickets.ticket(market.sold), unsell)
    assert await found(market) == []


async def test_an_order_that_is_being_told_of_its_refund_may_still_be_complete(
    meddler: Meddler,
) -> None:
    market = meddler.market
    await breaks_money.refund_a_complete_order(meddler)
    await meddler.tell(orders.order(market.complete), orders.Refund(relist=False))
    assert {violation.rule for violation in await found(market)} == {"movements"}


async def test_a_payment_that_is_being_abandoned_may_still_wait(meddler: Meddler) -> None:
    market = meddler.market
    await breaks_money.cancel_an_order_and_not_its_payment(meddler)
    await meddler.tell(payments.payment(market.acting), payments.Abandon())
    assert await found(market) == []


async def test_an_attempt_whose_successor_voids_it_is_not_stuck(meddler: Meddler) -> None:
    market = meddler.market
    await breaks_money.lose_the_void_of_an_attempt(meddler)
    replace_ = payments.Authorise(
        number=2, amount_minor=1, currency="usd", token="t", replaces="pi", replaces_number=1
    )
    await meddler.tell(payments.teller(market.acting), replace_)
    assert await found(market) == []


async def test_a_message_about_another_attempt_moves_nothing_on(meddler: Meddler) -> None:
    market = meddler.market
    await breaks_money.lose_the_void_of_an_attempt(meddler)
    await meddler.tell(payments.teller(market.acting), payments.Void(number=2, intent_id="pi"))
    assert [violation.rule for violation in await found(market)] == ["stuck"]


async def test_a_parked_message_closes_nothing(meddler: Meddler) -> None:
    market = meddler.market
    await breaks_money.forget_that_an_order_is_complete(meddler)
    complete = orders.Complete(at=await meddler.now())
    await meddler.tell(orders.order(market.complete), complete)
    await meddler.sql("update inbox set parked_at = now() where message = 'orders.complete'")
    assert [violation.rule for violation in await found(market)] == ["captured"]
