"""What buyers do that is hard on us, and what a bank does behind our back."""

import asyncio
from typing import Final

from tests.money.stage import ASKS, CANCELLED, SOLD, UNDONE, Case, Fault, Sale

__all__ = ["CASES"]

# How long an answer is held back while something else happens that takes milliseconds.
HELD_SECONDS: Final = 2.0

HELD: Final[Fault] = {"operation": "create", "kind": "hold", "seconds": HELD_SECONDS}
"""Authorised at once, and nobody but the sandbox knows."""

CAPTURED_LATE: Final[Fault] = {"operation": "capture", "kind": "delay", "seconds": HELD_SECONDS}


async def clicks_twice(sale: Sale) -> None:
    async with asyncio.TaskGroup() as tasks:
        presses = [tasks.create_task(sale.pays(key="click")) for _ in range(2)]
    first, second = (each.result() for each in presses)
    assert (first.status, first.body) == (second.status, second.body)
    assert len(await sale.held()) == 1


async def pays_in_two_tabs(sale: Sale) -> None:
    async with asyncio.TaskGroup() as tasks:
        one = tasks.create_task(sale.pays())
        await sale.held_once("requires_capture")  # And nobody but the sandbox knows.
        other = await sale.pays(ASKS)
    assert (other.status, other.body["code"]) == (409, "payment_in_progress")
    assert one.result().status in {200, 201}
    assert len(await sale.held()) == 1


async def pays_with_two_cards_at_once(sale: Sale) -> None:
    answers = await asyncio.gather(sale.pays(), sale.pays(ASKS))
    assert {each.status for each in answers} <= {200, 201, 202, 409}, answers
    if "captured" not in {each.body.get("status") for each in answers}:
        await sale.sells()


async def cancels_before_it_is_authorised(sale: Sale) -> None:
    async with asyncio.TaskGroup() as tasks:
        paying = tasks.create_task(sale.pays())
        await sale.held_once("requires_capture")
        assert (await sale.gives_up()).status == 204
    paid = paying.result()
    assert (paid.status, paid.body["code"]) == (409, "order_cancelled")


async def cancels_when_it_is_sold(sale: Sale) -> None:
    async with asyncio.TaskGroup() as tasks:
        paying = tasks.create_task(sale.pays())
        await sale.ticket_once("sold")
        assert (await sale.gives_up()).status == 409
    assert paying.result().status in {200, 201}


async def is_canceled_behind_our_back(sale: Sale) -> None:
    async with asyncio.TaskGroup() as tasks:
        paying = tasks.create_task(sale.pays())
        await sale.ticket_once("sold")
        (intent,) = await sale.held()
        assert (await sale.at_provider(intent["id"], "cancel")).status == 200
    paid = paying.result()
    assert (paid.status, paid.body["code"]) == (409, "order_cancelled"), paid
    order = await sale.order_once("cancelled")
    assert order["cancelReason"] == "payment_failed"
    timeline = (await sale.payment_once("voided"))["timeline"]
    assert timeline[-1]["what"] == "impossible", timeline


CASES: Final = (
    Case("double click", clicks_twice, SOLD, [HELD]),
    Case("two tabs", pays_in_two_tabs, SOLD, [HELD]),
    Case("two cards at once", pays_with_two_cards_at_once, SOLD),
    Case("cancelled before it is authorised", cancels_before_it_is_authorised, CANCELLED, [HELD]),
    Case("cancelled when it is sold", cancels_when_it_is_sold, SOLD, [CAPTURED_LATE]),
    Case("capture impossible", is_canceled_behind_our_back, UNDONE, [CAPTURED_LATE]),
)
