"""What waits in the database is counted when somebody looks, and seldom."""

import math

import pytest

from actors import UnavailableError
from actors.simulation import SimulatedClock
from tests.support.simulated import simulated
from web.metrics import InboxMetrics


class Store:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_there = True

    async def count(self) -> tuple[int, int]:
        self.asked += 1
        if not self.is_there:
            raise UnavailableError
        return 3, 7


@pytest.mark.parametrize("scrapes", [1, 50])
@simulated()
async def test_it_is_counted_every_five_seconds_at_most(scrapes: int) -> None:
    clock, store = SimulatedClock(), Store()
    metrics = InboxMetrics(clock, store.count)
    for expected in (1, 2):
        for _ in range(scrapes):
            await metrics.measure()
        assert store.asked == expected
        await clock.sleep(5)
    assert metrics.registry.get_sample_value("actors_inbox_parked") == 3
    assert metrics.registry.get_sample_value("actors_inbox_overdue") == 7


@simulated()
async def test_what_cannot_be_counted_is_no_number() -> None:
    clock, store = SimulatedClock(), Store()
    metrics = InboxMetrics(clock, store.count)
    await metrics.measure()
    store.is_there = False
    await clock.sleep(5)
    await metrics.measure()
    assert math.isnan(metrics.registry.get_sample_value("actors_inbox_parked") or 0)
    store.is_there = True
    await clock.sleep(5)
    await metrics.measure()
    assert metrics.registry.get_sample_value("actors_inbox_parked") == 3
