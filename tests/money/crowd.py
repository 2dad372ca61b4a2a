"""Thirty people, a shelf of tickets, and a house that gives some of the money back."""

import asyncio
import os
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.crash.people import PASSWORD, Person
from tests.crash.world import dice
from tests.money.buyers import Buyer
from tests.money.plans import PLANS
from tests.money.world import MoneyWorld
from tests.support.wait import until

BUYERS: Final = 30

# Some more than are reserved at a time; few enough that buyers meet.
SHELF: Final = 40

# Of a hundred complete orders the house takes back so many.
REGRETS_PERCENT: Final = 5

# The server gives a role within a second; a token has it from the next time it is made.
PRICES: Final = ("25.00", "19.99", "0.50", "120.05")


@dataclass
class Crowd:
    """Everybody in the run."""

    world: MoneyWorld
    chances: random.Random
    house: Person = field(init=False)
    buyers: list[Buyer] = field(default_factory=list)
    shelf: list[dict[str, Any]] = field(default_factory=list)
    plans: Counter[str] = field(default_factory=Counter)
    purchases: int = 0

    async def gathers(self) -> None:
        """Have everybody sign up, and fill the shelf."""
        self.house = Person(self.world, "house@money.test", seed=self._seed())
        self.buyers = [
            Buyer(
                self.world,
                f"buyer{number}@money.test",
                seed=self._seed(),
                sandbox=self.world.sandbox,
                chances=dice(self._seed()),
            )
            for number in range(BUYERS)
        ]
        # Two at a time: passwords take long on purpose.
        for pair in zip(self.buyers[::2], self.buyers[1::2], strict=True):
            await asyncio.gather(*(buyer.signs_up() for buyer in pair))
        await self.house.signs_up()
        await self._make_admin()
        for _ in range(SHELF):
            await self._fill_shelf()

    async def buys(self, purchases: int, *, every_seconds: float) -> None:
        """Make so many purchases, each buyer one every so many seconds on average."""
        wanted = self.purchases + purchases
        async with asyncio.TaskGroup() as tasks:
            for buyer in self.buyers:
                tasks.create_task(self._goes_shopping(buyer, wanted, every_seconds))

    async def is_held_to_its_word(self) -> None:
        """Every promise is still true."""
        for person in (self.house, *self.buyers):
            await person.holds_them_to_their_word()

    async def _goes_shopping(self, buyer: Buyer, wanted: int, every_seconds: float) -> None:
        while self.purchases < wanted:
            await asyncio.sleep(buyer.chances.uniform(0.0, 2 * every_seconds))
            ticket = buyer.chances.choice(self.shelf)
            ordered = await buyer.orders(ticket)
            if ordered.status == 201 and self.purchases < wanted:
                self.purchases += 1
                (plan,) = buyer.chances.choices([*PLANS], [*PLANS.values()])
                self.plans[plan.__name__] += 1
                await plan(buyer, ordered.body)
                await self._may_regret(buyer, ordered.body)
            await self._look_after(ticket)

    async def _may_regret(self, buyer: Buyer, order: dict[str, Any]) -> None:
        if buyer.chances.randrange(100) >= REGRETS_PERCENT:
            return
        seen = await buyer.sees(f"/api/orders/{order['id']}")
        if seen["status"] != "complete":
            return
        self.plans["regret"] += 1
        said = {"reason": "regret", "relist": buyer.chances.random() < 0.5}
        path = f"/api/admin/orders/{order['id']}/refund"
        refunded = await self.house.asks("POST", path, said)
        assert refunded.status == 200, refunded
        # What was true when it was answered is not any more.
        self.house.promises.pop()
        buyer.promises = [
            each for each in buyer.promises if (each.body or {}).get("orderId") != order["id"]
        ]

    async def _look_after(self, ticket: dict[str, Any]) -> None:
        """Replace a ticket that nobody can have any more."""
        seen = await self.house.sees(f"/api/tickets/{ticket['id']}")
        if seen["status"] in {"sold", "withdrawn"} and ticket in self.shelf:
            self.shelf.remove(ticket)
            await self._fill_shelf()

    async def _fill_shelf(self) -> None:
        self.shelf.append(await self.house.lists("Money", self.chances.choice(PRICES)))

    async def _make_admin(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ticketing", "admin", "grant", self.house.email),
            env={**os.environ, "TICKETING_DATA_DIR": str(self.world.data_dir)},
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0
        said = {"email": self.house.email, "password": PASSWORD}

        async def is_admin() -> bool:
            token = await self.world.call("POST", "/api/users/token", body=said)
            self.house.token = token.body["accessToken"]
            user = (await self.house.sees("/api/users/currentuser"))["currentUser"]
            return "admin" in user["roles"]

        await until(is_admin, "the house may give money back")

    def _seed(self) -> int:
        return self.chances.getrandbits(64)
