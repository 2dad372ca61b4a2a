"""One run: a crowd shops in bad weather, on a server that dies, and then everything is judged."""

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.crash.world import dice
from tests.money.crowd import Crowd
from tests.money.judge import Counts, judge
from tests.money.world import Fate, Fates, peace, running, sudden_deaths
from tests.support import postgres

SETTINGS: Final = {"TICKETING_RESERVATION_SECONDS": "8"}

# Out of a hundred requests so many meet with each kind of misfortune; webhooks with more.
WEATHER: Final = {
    "delay": 0.10,
    "drop_before": 0.02,
    "drop_after": 0.02,
    "truncate": 0.02,
    "409": 0.01,
    "429": 0.02,
    "500": 0.01,
    "500_effect": 0.01,
    "502": 0.01,
    "502_effect": 0.01,
    "webhook_lose": 0.20,
    "webhook_repeat": 0.20,
    "webhook_delay": 0.10,
    "webhook_reverse": 0.10,
}
DELAY_SECONDS: Final = 0.5

# Nothing of this is passed while people sign up.
FIRST: Final = Fate(place="stripe.capture.before#3")


@dataclass(frozen=True)
class Script:
    """How much there is to happen, and how fast."""

    purchases: int
    every_seconds: float
    """Between two purchases of one buyer, on average."""
    kills_between: int
    """Deaths between authorisation and capture: the run goes on until there were so many."""
    deaths: Fates | Sequence[Fate]


async def play(script: Script, seed: int) -> Counts:
    """Play it, judge it, tell what happened."""
    chances = dice(seed)
    fates = _fates(script.deaths)
    with postgres.data_folder() as folder:
        async with running(folder, fates, SETTINGS) as world:
            crowd = Crowd(world, chances)
            await crowd.gathers()
            await _shop(crowd, script, seed)
            await world.lives_in_peace()
            await world.settles()
            counts = await judge(world)
            sys.stdout.write(f"{counts}\n{dict(crowd.plans)}\n")
            await crowd.is_held_to_its_word()
            assert await world.violations() == []
            assert await world.fsck() == (0, "")
            return counts


async def _shop(crowd: Crowd, script: Script, seed: int) -> None:
    world = crowd.world
    await world.sandbox.weather(seed=seed, shares=WEATHER, delay_seconds=DELAY_SECONDS)
    await crowd.buys(script.purchases, every_seconds=script.every_seconds)
    while await world.kills_between() < script.kills_between:
        await crowd.buys(len(crowd.buyers), every_seconds=script.every_seconds)
    await world.sandbox.weather()


def _fates(deaths: Fates | Sequence[Fate]) -> Fates:
    """*deaths*, one after the other or as they come, once the crowd has gathered."""
    if callable(deaths):
        first = iter([FIRST])
        return lambda: next(first, None) or deaths()
    each = iter(deaths)
    return lambda: next(each, peace())


def long_script(chances: random.Random) -> Script:
    """Five hundred purchases, and a death every ten seconds."""
    deaths = sudden_deaths(chances, mean_seconds=10.0, often=0.6)
    return Script(500, 14.0, 20, deaths)
