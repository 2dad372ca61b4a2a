"""Authorisations whose answers come when the reservation ends: sold, or lapsed, and never both.

The sandbox holds each answer back until a moment around the order's deadline T. What is decided
then is decided by the ticket, some milliseconds after the answer has reached us: that way is
measured first, and the moments are set so that the *decisions* are spread evenly around T. How long
the way is depends on who else uses the machine, so each wave corrects it for the next.
"""

import asyncio
import random
import statistics
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tests.crash.people import Person
from tests.money.judge import Counts, judge
from tests.money.world import MoneyWorld
from tests.support.wait import until

# As many as the teller has calls under way at once: more would wait for each other.
WAVE: Final = 10

# Long enough for ten orders and ten payments to be under way before it ends.
SETTINGS: Final = {"TICKETING_RESERVATION_SECONDS": "1.5"}

SPREAD_SECONDS: Final = 0.03

# What a wave with a single outcome corrects the way by; an even one leaves it.
CORRECTION_SECONDS: Final = SPREAD_SECONDS / 2

# How far before the deadline those answers come that the way is measured with.
EARLY_SECONDS: Final = 0.4

_DECIDED: Final = "select count(*) from orders where status in ('complete', 'cancelled')"
_SETTLED: Final = """
select id, extract(epoch from settled_at)::float8 as at from orders where settled_at is not null
"""


@dataclass
class Race:
    """Waves of ten payments each."""

    world: MoneyWorld
    chances: random.Random
    seller: Person = field(init=False)
    buyer: Person = field(init=False)
    way_seconds: float = 0.0
    """From the answer's moment at the sandbox to the sale's."""
    begun: int = 0

    async def gathers(self) -> None:
        self.seller = Person(self.world, "seller@race.test", seed=self.chances.getrandbits(64))
        self.buyer = Person(self.world, "buyer@race.test", seed=self.chances.getrandbits(64))
        await self.seller.signs_up()
        await self.buyer.signs_up()

    async def measures_the_way(self) -> None:
        """One wave whose answers come in time."""
        moments = await self._wave([-EARLY_SECONDS] * WAVE)
        settled = {row["id"]: row["at"] for row in await self.world.rows(_SETTLED)}
        assert settled.keys() == moments.keys(), "an answer that came in time was too late"
        self.way_seconds = statistics.median(settled[each] - moments[each] for each in moments)

    async def runs(self, payments: int) -> Counts:
        """So many payments; what became of them all, those of the measuring left out."""
        before = await judge(self.world)
        for _ in range(payments // WAVE):
            moments = await self._wave(
                [
                    self.chances.uniform(-SPREAD_SECONDS, SPREAD_SECONDS) - self.way_seconds
                    for _ in range(WAVE)
                ]
            )
            sold = sum(row["id"] in moments for row in await self.world.rows(_SETTLED))
            lapsed = WAVE - sold
            self.way_seconds += CORRECTION_SECONDS * (lapsed - sold) / WAVE
        await self.world.settles()
        after = await judge(self.world)
        return Counts(**{name: value - vars(before)[name] for name, value in vars(after).items()})

    async def _wave(self, offsets: list[float]) -> dict[str, float]:
        """Pay as many orders, each answered its *offset* from its deadline; the moments (Unix)."""
        tickets = [await self.seller.lists("Race") for _ in offsets]
        ordered = [await self.buyer.orders(ticket) for ticket in tickets]
        assert all(each.status == 201 for each in ordered), ordered
        orders = [each.body for each in ordered]
        moments = {
            order["id"]: datetime.fromisoformat(order["expiresAt"]).timestamp() + offset
            for order, offset in zip(orders, offsets, strict=True)
        }
        await self.world.sandbox.script(*(_held(*each) for each in moments.items()))
        self.begun += len(orders)
        async with asyncio.TaskGroup() as tasks:
            for order in orders:
                tasks.create_task(self._pays(order))

        async def is_decided() -> bool:
            decided: int = await self.world.query(_DECIDED)
            return decided == self.begun

        await until(is_decided, "every order of the wave is decided")
        return moments

    async def _pays(self, order: dict[str, Any]) -> None:
        paid = await self.buyer.asks(
            "POST", "/api/payments", {"orderId": order["id"], "token": "pm_card_visa"}
        )
        assert paid.status in {201, 202, 409}, paid


def _held(order_id: str, moment: float) -> dict[str, object]:
    """The fault that holds back the answer about *order_id* until *moment*."""
    return {"operation": "create", "order": order_id, "kind": "hold", "until": moment}
