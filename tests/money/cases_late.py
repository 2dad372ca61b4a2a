"""What turns out when the reservation has ended: it is voided, or given back."""

from typing import Final

from tests.functional.provider import answers_bank, intent_of
from tests.money.stage import EXPIRED, TOO_LATE, Case, Fault, Sale

__all__ = ["CASES", "RESERVATION_SECONDS"]

RESERVATION_SECONDS: Final = 5.0
"""Long enough for a few orders to be made and paid."""

# Longer than that.
LATE_SECONDS: Final = 6.0

VOIDED_LATE: Final[Fault] = {"operation": "cancel", "kind": "delay", "seconds": 1.0}

NO_WEBHOOK: Final[Fault] = {"operation": "webhook", "kind": "lose", "times": 50}


async def is_answered_late(sale: Sale) -> None:
    paid = await sale.pays()
    assert (paid.status, paid.body["code"]) == (409, "order_expired"), paid


async def passes_the_bank_late(sale: Sale) -> None:
    """After the reservation's end, and before the void that follows it."""
    secret = await sale.is_asked()
    await sale.order_once("cancelled")
    await answers_bank(sale.site, secret)
    confirmed = await sale.confirms()
    assert (confirmed.status, confirmed.body["code"]) == (409, "order_expired")
    assert "clientSecret" not in await sale.payment_once("voided")


async def never_passes_the_bank(sale: Sale) -> None:
    intent = intent_of(await sale.is_asked())
    await sale.order_once("cancelled")
    await sale.payment_once("voided")
    assert [each["id"] for each in await sale.held()] == [intent]


async def is_captured_unheard(sale: Sale) -> None:
    """Somebody captures it at the provider, and nobody tells us before it is too late."""
    intent = await sale.passes()
    assert (await sale.at_provider(intent, "capture")).status == 200
    await sale.payment_once("refunded")


async def is_captured_before_its_void(sale: Sale) -> None:
    """The void is on its way, and comes too late."""
    intent = await sale.passes()
    await sale.order_once("cancelled")
    assert (await sale.at_provider(intent, "capture")).status == 200
    await sale.payment_once("refunded")


CASES: Final = (
    Case(
        "authorised late",
        is_answered_late,
        EXPIRED,
        [{"operation": "create", "kind": "hold", "seconds": LATE_SECONDS}],
    ),
    Case(
        "slow beyond the end",
        is_answered_late,
        EXPIRED,
        [{"operation": "create", "kind": "delay", "seconds": LATE_SECONDS}],
    ),
    Case(
        "answer lost, then late",
        is_answered_late,
        EXPIRED,
        [
            {"operation": "create", "kind": "drop_after"},
            {"operation": "create", "kind": "hold", "nth": 2, "seconds": LATE_SECONDS},
        ],
    ),
    Case("3-D Secure after the end", passes_the_bank_late, EXPIRED, [VOIDED_LATE]),
    Case("3-D Secure never", never_passes_the_bank, EXPIRED),
    Case("late success", is_captured_unheard, TOO_LATE, [NO_WEBHOOK]),
    Case("void too late", is_captured_before_its_void, TOO_LATE, [NO_WEBHOOK, VOIDED_LATE]),
)
