"""`make crash`: a crowd trades for a hundred rounds, and the server is killed in each of them."""

import os
import secrets
import sys

import pytest

from tests.crash.rounds import SETTINGS, Crowd
from tests.crash.world import World, dice, running
from tests.support import postgres
from tests.support.wait import until

pytestmark = pytest.mark.crash

ROUNDS = int(os.environ.get("TICKETING_CRASH_ROUNDS", "100"))
SEED = int(os.environ.get("TICKETING_CRASH_SEED", "0")) or secrets.randbits(32)
FSCK_EVERY = 10


async def test_rounds() -> None:
    sys.stdout.write(f"\nTICKETING_CRASH_SEED={SEED} TICKETING_CRASH_ROUNDS={ROUNDS}\n")
    with postgres.data_folder() as folder:
        async with running(folder, SETTINGS) as world:
            crowd = Crowd(world, dice(SEED))
            await crowd.gather()
            for number in range(1, ROUNDS + 1):
                await crowd.round(deaths=crowd.chances.choice((1, 1, 1, 2)))
                if number % FSCK_EVERY == 0:
                    assert await world.violations() == []
                    await _report(number, world, crowd)
            await until(crowd.nobody_waits, "every order has come to its end")
            await world.rest()
            assert await world.violations() == []
            assert await world.fsck() == (0, "")
            await _report(ROUNDS, world, crowd)


async def _report(rounds: int, world: World, crowd: Crowd) -> None:
    counts = crowd.counts
    sys.stdout.write(
        f"rounds {rounds}, kills {world.deaths}, orders {counts['orders 201']},"
        f" purchases {counts['payments 201']}, lapses {await crowd.lapsed()},"
        f" cancels {counts['cancels 204']}, declines {counts['payments 402']},"
        f" refused {counts['orders 409']}+{counts['payments 409']}+{counts['cancels 409']}\n"
    )
    sys.stdout.flush()
