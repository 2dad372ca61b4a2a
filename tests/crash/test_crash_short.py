"""The short form of `make crash`: some of the places, one round."""

import asyncio

from tests.crash import rounds, steps
from tests.crash.scenarios import PURCHASE
from tests.crash.world import dice, running
from tests.support import postgres

# The ticket is reserved and its order is not; the ticket is sold and its order does not know; the
# money is taken and nobody has been told.
PLACES = ("commit.after:tickets.reserve", "commit.after:tickets.sell", "stripe.capture.after")


async def test_deaths_in_the_middle_of_a_purchase() -> None:
    async with asyncio.TaskGroup() as tasks:
        for place in PLACES:
            tasks.create_task(die_at(place))


async def die_at(place: str) -> None:
    with postgres.data_folder() as folder:
        await steps.die_at(place, PURCHASE, folder, 1)


async def test_a_crowd_and_a_sudden_death() -> None:
    with postgres.data_folder() as folder:
        async with running(folder, rounds.SETTINGS) as world:
            crowd = rounds.Crowd(world, dice(1))
            await crowd.gather()
            await crowd.round(deaths=1)
            assert world.deaths == 1
            assert await world.violations() == []
            assert await world.fsck() == (0, "")
