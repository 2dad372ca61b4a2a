"""What people do at the till: every way to pay, and most ways not to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from tests.crash.world import Answer
from tests.money.buyers import Buyer
from tests.support.sandbox import ASKS

Plan: TypeAlias = Callable[[Buyer, Any], Awaitable[None]]

GOOD: Final = "pm_card_visa"
DECLINED: Final = "pm_card_visa_chargeDeclined"
NO_FUNDS: Final = "pm_card_visa_chargeDeclinedInsufficientFunds"
ASKS_FOR_NOTHING: Final = "pm_card_threeDSecureRequiredChargeDeclined"

# About as long as a payment takes while nothing goes wrong.
PAYING_SECONDS: Final = 0.15

# Paid, declined, or refused because the order has ended or another attempt is under way.
ANSWERS: Final = frozenset({200, 201, 202, 402, 409})


async def pay(buyer: Buyer, order: Any) -> None:
    expect(await buyer.pays(order, GOOD))


async def try_a_bad_card_first(buyer: Buyer, order: Any) -> None:
    expect(await buyer.pays(order, DECLINED))
    expect(await buyer.pays(order, GOOD))


async def have_no_money(buyer: Buyer, order: Any) -> None:
    for _ in range(buyer.chances.randint(1, 5)):
        expect(await buyer.pays(order, NO_FUNDS))


async def pass_the_bank(buyer: Buyer, order: Any) -> None:
    payment = expect(await buyer.pays(order, ASKS))
    if must_act(payment):
        await buyer.answers_the_bank(order, payment.body, "pass")


async def pass_the_bank_without_money(buyer: Buyer, order: Any) -> None:
    payment = expect(await buyer.pays(order, ASKS_FOR_NOTHING))
    if must_act(payment):
        await buyer.answers_the_bank(order, payment.body, "pass")


async def fail_the_bank(buyer: Buyer, order: Any) -> None:
    payment = expect(await buyer.pays(order, ASKS))
    if must_act(payment):
        await buyer.answers_the_bank(order, payment.body, "fail")
        expect(await buyer.pays(order, GOOD))


async def leave_the_bank_alone(buyer: Buyer, order: Any) -> None:
    expect(await buyer.pays(order, ASKS))


async def pass_the_bank_too_late(buyer: Buyer, order: Any) -> None:
    """Answer the bank when the reservation ends: a little before it, or after."""
    payment = expect(await buyer.pays(order, ASKS))
    if must_act(payment):
        await buyer.waits_until(order, before=buyer.chances.uniform(-0.1, 0.1))
        await buyer.answers_the_bank(order, payment.body, "pass")


async def take_another_card_instead(buyer: Buyer, order: Any) -> None:
    expect(await buyer.pays(order, ASKS))
    expect(await buyer.pays(order, GOOD))


async def click_twice(buyer: Buyer, order: Any) -> None:
    key = buyer.new_key()
    answers = await asyncio.gather(*(buyer.presses(key, order, GOOD) for _ in range(2)))
    for answer in answers:
        expect(answer)


async def pay_in_two_tabs(buyer: Buyer, order: Any) -> None:
    answers = await asyncio.gather(buyer.pays(order, GOOD), buyer.pays(order, ASKS))
    for answer in answers:
        expect(answer)


async def pay_and_cancel(buyer: Buyer, order: Any) -> None:
    async with asyncio.TaskGroup() as tasks:
        paying = tasks.create_task(buyer.pays(order, GOOD))
        # Sometimes before the ticket is sold, sometimes between sale and capture, or too late.
        await asyncio.sleep(buyer.chances.uniform(0.0, PAYING_SECONDS))
        tasks.create_task(buyer.gives_up(order))
    expect(paying.result())


async def cancel_before_the_bank_is_answered(buyer: Buyer, order: Any) -> None:
    payment = expect(await buyer.pays(order, ASKS))
    await buyer.gives_up(order)
    if must_act(payment):
        await buyer.answers_the_bank(order, payment.body, "pass")


async def pay_at_the_last_moment(buyer: Buyer, order: Any) -> None:
    await buyer.waits_until(order, before=buyer.chances.uniform(-0.02, 0.1))
    expect(await buyer.pays(order, GOOD))


PLANS: Final[dict[Plan, int]] = {
    pay: 36,
    try_a_bad_card_first: 8,
    have_no_money: 4,
    pass_the_bank: 8,
    pass_the_bank_without_money: 2,
    fail_the_bank: 4,
    leave_the_bank_alone: 12,
    pass_the_bank_too_late: 4,
    take_another_card_instead: 2,
    click_twice: 4,
    pay_in_two_tabs: 4,
    pay_and_cancel: 4,
    cancel_before_the_bank_is_answered: 2,
    pay_at_the_last_moment: 6,
}
"""Each plan, and how many of a hundred follow it."""


def expect(answer: Answer) -> Answer:
    assert answer.status in ANSWERS, answer
    return answer


def must_act(payment: Answer) -> bool:
    """Whether the bank wants to hear from the card holder."""
    return payment.status in {200, 202} and payment.body["status"] == "requires_action"
