"""Dying at one named place after the other."""

import itertools
from collections import Counter
from pathlib import Path

from tests.crash.scenarios import Scenario
from tests.crash.world import running

# They go on all the time, whatever the scenario.
_NOISE = (":expiration.", ":sweeper.")


async def places(scenario: Scenario, folder: Path) -> list[str]:
    """The places that *scenario* passes, in order: `name`, and `name#2` when passed once more."""
    trace = folder / "trace"
    async with running(
        folder, scenario.settings, {"TICKETING_FAILPOINT_TRACE": str(trace)}
    ) as world:
        await scenario.run(world, 0)
        assert world.deaths == 0
        assert await world.violations() == []
        assert await world.fsck() == (0, "")
    passed: Counter[str] = Counter()
    found: list[str] = []
    for name in trace.read_text().splitlines():
        if not any(noise in name for noise in _NOISE):
            passed[name] += 1
            found.append(name if passed[name] == 1 else f"{name}#{passed[name]}")
    return found


def beyond(known: list[str], places: list[str]) -> list[str]:
    """What of *places* comes after the first that is not as in *known*, that one included.

    Before it nothing is different, so who has survived *known* has survived these.
    """
    common = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(known, places, strict=False))
    return places[sum(1 for _ in common) :]


async def die_at(place: str, scenario: Scenario, folder: Path, number: int) -> None:
    """Run *scenario* on a server that dies at *place*; it must end as if nothing had happened."""
    async with running(folder, scenario.settings, {"TICKETING_FAILPOINT": place}) as world:
        await scenario.run(world, number)
        assert world.deaths == 1, f"{place} was passed by {world.deaths} servers"
        assert await world.violations() == []
