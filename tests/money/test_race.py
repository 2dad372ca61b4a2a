"""Sale and lapse in the same instant, decided by the ticket alone; `make money` has more of it."""

import sys

import pytest

from tests.crash.world import dice
from tests.money.judge import Counts
from tests.money.race import SETTINGS, Race
from tests.money.world import peace, running
from tests.support import postgres


async def race(payments: int) -> Counts:
    with postgres.data_folder() as folder:
        async with running(folder, peace, SETTINGS) as world:
            found = Race(world, dice(payments))
            await found.gathers()
            await found.measures_the_way()
            counts = await found.runs(payments)
            sys.stdout.write(f"way {1000 * found.way_seconds:.1f} ms; {counts}\n")
            assert await world.violations() == []
            assert await world.fsck() == (0, "")
    assert (counts.orders, counts.complete + counts.lapsed) == (payments, payments)
    assert counts.captures == counts.complete
    return counts


async def test_sixty_answers_around_the_deadline() -> None:
    counts = await race(60)
    assert min(counts.complete, counts.lapsed) >= 10


@pytest.mark.money
async def test_four_hundred_answers_around_the_deadline() -> None:
    counts = await race(400)
    assert min(counts.complete, counts.lapsed) >= 80
