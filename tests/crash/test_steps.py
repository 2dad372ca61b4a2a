"""`make crash`: killed at every single step, each scenario ends as if nothing had happened."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.crash import money_scenarios, scenarios, steps
from tests.crash.scenarios import Scenario
from tests.support import postgres

pytestmark = pytest.mark.crash

# Each has a server of its own; most of the time they wait for one to start.
WORKERS = 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def purchase() -> list[str]:
    """The places that a plain purchase passes."""
    with postgres.data_folder() as folder:
        return await steps.places(scenarios.PURCHASE, folder)


@pytest.mark.parametrize(
    "scenario",
    [*scenarios.SCENARIOS, *money_scenarios.SCENARIOS],
    ids=lambda scenario: scenario.name,
)
async def test_death_at_every_step(scenario: Scenario, purchase: list[str]) -> None:
    if scenario is scenarios.PURCHASE:
        places = purchase
    else:
        with postgres.data_folder() as folder:
            places = steps.beyond(purchase, await steps.places(scenario, folder))
    todo = enumerate(places, start=1)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(WORKERS):
            tasks.create_task(_work(scenario, todo))
    sys.stdout.write(f"{scenario.name}: {len(places)} places, all survived\n")


async def _work(scenario: Scenario, todo: Iterator[tuple[int, str]]) -> None:
    with postgres.data_folder() as folder:
        for number, place in todo:
            await _die(scenario, place, folder, number)


async def _die(scenario: Scenario, place: str, folder: Path, number: int) -> None:
    try:
        await steps.die_at(place, scenario, folder, number)
    except BaseException:
        sys.stdout.write(f"{scenario.name}: {place}: FAILED\n")
        raise
    sys.stdout.write(f"{scenario.name}: {place}: ok\n")
