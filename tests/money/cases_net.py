"""What the provider, and the net between us and it, can do wrong at each call."""

from typing import Final

from tests.money.stage import CANCELLED, SOLD, TAKEN_BACK, Case, Fault, Sale

__all__ = ["CASES"]

# One more than the SDK tries by itself.
TRIES: Final = 4

# The worst that Stripe is known for; a page waits for ten.
SLOW_SECONDS: Final = 8.0

MISFORTUNES: Final[dict[str, Fault]] = {
    "500": {"kind": "status", "status": 500},
    "500 after the effect": {"kind": "status", "status": 500, "effect": True},
    "502": {"kind": "status", "status": 502},
    "502 after the effect": {"kind": "status", "status": 502, "effect": True},
    "409": {"kind": "status", "status": 409},
    "429": {"kind": "status", "status": 429},
    "request lost": {"kind": "drop_before"},
    "answer lost": {"kind": "drop_after"},
    "answer cut off": {"kind": "truncate"},
}


async def pays(sale: Sale) -> None:
    await sale.sells()
    assert len(await sale.held()) == 1


async def cancels_while_the_bank_asks(sale: Sale) -> None:
    await sale.is_asked()
    assert (await sale.gives_up()).status == 204


async def has_its_money_back(sale: Sale) -> None:
    await sale.sells()
    for _ in range(2):
        assert (await sale.is_refunded()).status == 200
    await sale.payment_once("refunded")
    (intent,) = await sale.held()
    assert [each["amount"] for each in intent["refunds"]] == [2_500]


CASES: Final = (
    *(
        Case(f"{operation}: {name}", pays, SOLD, [{"operation": operation, **fault}])
        for operation in ("create", "capture")
        for name, fault in MISFORTUNES.items()
    ),
    *(
        Case(
            f"{operation}: {name}, again and again",
            play,
            end,
            [{"operation": operation, **MISFORTUNES[name], "times": TRIES}],
        )
        for operation, play, end in (
            ("create", pays, SOLD),
            ("capture", pays, SOLD),
            ("cancel", cancels_while_the_bank_asks, CANCELLED),
            ("refund", has_its_money_back, TAKEN_BACK),
        )
        for name in ("500 after the effect", "502", "answer lost", "answer cut off")
    ),
    Case("slow", pays, SOLD, [{"operation": "create", "kind": "delay", "seconds": SLOW_SECONDS}]),
)
