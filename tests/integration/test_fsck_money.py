"""`ticketing fsck`: what is wrong with payments, ledger and audit log of a broken market."""

from typing import Final

import pytest

from tests.support import breaks_money
from tests.support.breaks import Break
from tests.support.fsck import Case, is_named
from tests.support.market import Meddler

pytestmark = pytest.mark.asyncio(loop_scope="session")


BREAKS: Final[list[Case]] = [
    (
        breaks_money.lose_the_payment_of_a_complete_order,
        {"complete", "books"},
        "order o-complete: complete, but its payment does not exist",
    ),
    (
        breaks_money.forget_that_an_order_is_complete,
        {"captured"},
        "payment o-complete: captured, but its order is awaiting:payment",
    ),
    (
        breaks_money.start_an_attempt_and_tell_nobody,
        {"stuck"},
        "payment o-tried: attempt 2 is started, and no message will move it on",
    ),
    (
        breaks_money.lose_the_void_of_an_attempt,
        {"stuck"},
        "payment o-acting: attempt 1 is voiding, and no message will move it on",
    ),
    (
        breaks_money.cancel_an_order_and_not_its_payment,
        {"abandoned"},
        "payment o-acting: attempt 1 waits for the card holder, but its order is cancelled (user)",
    ),
    (
        breaks_money.cancel_what_is_paid,
        {"captured", "sold", "paid-for-nothing"},
        "payment o-complete: captured, but its order is cancelled (user)",
    ),
    (
        breaks_money.refund_an_order_and_not_its_payment,
        {"refunded", "paid-for-nothing"},
        "order o-complete: refunded, but its payment is captured, its last attempt captured",
    ),
    (
        breaks_money.lose_the_refund_of_a_payment,
        {"stuck"},
        "payment o-complete: attempt 1 is refunding, and no message will move it on",
    ),
    (
        breaks_money.refund_without_taking_the_ticket_back,
        {"sold"},
        "ticket t-sold: sold to order o-complete, which is cancelled (refunded)",
    ),
    (
        breaks_money.fail_to_give_money_back,
        {"refund-failed", "paid-for-nothing"},
        "payment o-complete: 2500 usd could not be given back (attempt 1)",
    ),
    (
        breaks_money.refund_a_complete_order,
        {"complete", "refunded", "movements"},
        "order o-complete: complete, but its payment is refunded",
    ),
    (
        breaks_money.settle_an_order_that_nobody_pays,
        {"stuck"},
        "order o-live: settled, but its payment does not exist",
    ),
    (
        breaks_money.ask_for_another_amount,
        {"payment"},
        "payment o-tried: 1 usd from buyer buyer",
    ),
    (
        breaks_money.lose_a_cent,
        {"ledger", "movements"},
        "order o-complete: its movements in all sum to 1 usd",
    ),
    (
        breaks_money.take_a_share_from_the_seller,
        {"movements", "books"},
        "capture provider: the ledger has 2499 usd, the payment makes it 2500",
    ),
    (
        breaks_money.book_a_movement_elsewhere,
        {"ledger", "movements"},
        "order o-complete: its movements of taken:1 sum to 2500 usd",
    ),
    (
        breaks_money.book_twice,
        {"movements", "books"},
        "in all provider: the ledger has 5000 usd, the payment makes it 2500",
    ),
    (
        breaks_money.book_nothing,
        {"movements", "books"},
        "capture provider: the ledger has 0 usd, the payment makes it 2500",
    ),
    (
        breaks_money.book_no_refund,
        {"movements", "books"},
        "order o-refunded: the provider keeps 0 usd, booked are 2500",
    ),
    (
        breaks_money.book_what_was_not_paid,
        {"movements", "books"},
        "capture provider: the ledger has 2500 usd, the payment makes it 0",
    ),
    (breaks_money.change_the_audit_log, {"audit"}, "entry 1: its contents are not those"),
    (
        breaks_money.cut_the_audit_log_short,
        {"audit"},
        "entry 0: is the last; the keeper has 1 entries",
    ),
]


@pytest.mark.parametrize(("do", "rules", "line"), BREAKS, ids=[do.__name__ for do, _, _ in BREAKS])
async def test_what_is_broken_about_money_is_named(
    meddler: Meddler, do: Break, rules: set[str], line: str
) -> None:
    await is_named(meddler, do, rules, line)
