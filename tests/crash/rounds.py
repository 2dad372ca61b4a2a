"""Rounds: a crowd trades, the server is killed in the middle of it, and nothing is lost."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.crash.people import Person
from tests.crash.world import World, dice

PEOPLE: Final = 20
TICKETS: Final = 14
"""Fewer than people: they get in each other's way."""

# Within which the server is killed: about as long as a round's trade takes.
TRADE_SECONDS: Final = 1.2

# About as long as a payment takes.
PAYING_SECONDS: Final = 0.1

# A reservation lives through some deaths and not through others.
SETTINGS: Final = {"TICKETING_RESERVATION_SECONDS": "2"}

_SOLD_TWICE: Final = """
select count(*) from (
    select from orders where status = 'complete' group by ticket_id having count(*) > 1
) as twice
"""
_LAPSED: Final = "select count(*) from orders where cancel_reason = 'expired'"
_LIVE: Final = """
select count(*) > 0 from orders where status in ('created', 'awaiting:payment')
"""

Plan = Callable[["Crowd", Person, Any], Awaitable[None]]


@dataclass
class Crowd:
    """People who trade with each other, by chances that can be taken again."""

    world: World
    chances: random.Random
    people: list[Person] = field(default_factory=list)
    tickets: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    sold: Counter[str] = field(default_factory=Counter)
    """Acknowledged sales, by ticket."""

    async def gather(self) -> None:
        """Have everybody sign up."""
        self.people = [
            Person(self.world, f"person{number}@crowd.test", seed=self.chances.getrandbits(64))
            for number in range(PEOPLE)
        ]
        for person in self.people:
            await person.signs_up()

    async def round(self, deaths: int) -> None:
        """Trade, die so many times meanwhile, and keep every promise."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._die(deaths))
            tasks.create_task(self._look())
            for person in self.people:
                tasks.create_task(self._trade(person, dice(self.chances.getrandbits(64))))
        await self.world.rest()
        async with asyncio.TaskGroup() as tasks:
            for person in self.people:
                tasks.create_task(person.holds_them_to_their_word())
        for person in self.people:
            person.promises.clear()
        assert max(self.sold.values(), default=0) <= 1, self.sold
        assert await self.world.query(_SOLD_TWICE) == 0

    async def nobody_waits(self) -> bool:
        """Whether every order has come to its end."""
        return not await self.world.query(_LIVE)

    async def lapsed(self) -> int:
        found: int = await self.world.query(_LAPSED)
        return found

    async def _die(self, deaths: int) -> None:
        for _ in range(deaths):
            await asyncio.sleep(self.chances.uniform(0.0, TRADE_SECONDS))
            await self.world.kill()

    async def _look(self) -> None:
        """What `fsck` sees while all this is going on has to be in order too."""
        await asyncio.sleep(self.chances.uniform(0.0, 2 * TRADE_SECONDS))
        assert await self.world.violations(at_rest=False) == []

    async def _trade(self, person: Person, chances: random.Random) -> None:
        if chances.random() < TICKETS / PEOPLE:
            ticket = await person.lists(f"Ticket of {person.email}")
            self.tickets.append(ticket)
        for _ in range(2):
            # The newest, so that many want the same; and they pause, as people do.
            await asyncio.sleep(chances.uniform(0.0, TRADE_SECONDS / 3))
            await self._buy(person, chances)

    async def _buy(self, person: Person, chances: random.Random) -> None:
        wanted = self.tickets[-TICKETS:]
        if not wanted:
            return
        ordered = await person.orders(chances.choice(wanted))
        self.counts[f"orders {ordered.status}"] += 1
        if ordered.status in {200, 201}:
            (plan,) = chances.choices(PLANS, WEIGHTS)
            await plan(self, person, ordered.body)

    def note_sale(self, order: Any, status: int) -> None:
        self.counts[f"payments {status}"] += 1
        if status == 201:
            self.sold[order["ticket"]["id"]] += 1


async def pay(crowd: Crowd, person: Person, order: Any) -> None:
    paid = await person.pays(order, "tok_visa")
    # 409: it lapsed while the server was away, or another request of theirs was faster.
    assert paid.status in {201, 402, 409}, paid
    crowd.note_sale(order, paid.status)


async def try_a_bad_card_first(crowd: Crowd, person: Person, order: Any) -> None:
    declined = await person.pays(order, "tok_chargeDeclined")
    assert declined.status in {402, 409}, declined
    crowd.counts[f"payments {declined.status}"] += 1
    await pay(crowd, person, order)


async def cancel(crowd: Crowd, person: Person, order: Any) -> None:
    cancelled = await person.cancels(order)
    assert cancelled.status in {204, 409}, cancelled
    crowd.counts[f"cancels {cancelled.status}"] += 1


async def pay_and_cancel(crowd: Crowd, person: Person, order: Any) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pay(crowd, person, order))
        # Sometimes before the ticket is sold, sometimes between sale and capture, or too late.
        await asyncio.sleep(crowd.chances.uniform(0.0, PAYING_SECONDS))
        tasks.create_task(cancel(crowd, person, order))


async def forget(crowd: Crowd, _person: Person, _order: Any) -> None:
    crowd.counts["forgotten"] += 1


PLANS: Final[tuple[Plan, ...]] = (pay, try_a_bad_card_first, cancel, pay_and_cancel, forget)
WEIGHTS: Final = (55, 15, 10, 10, 10)
