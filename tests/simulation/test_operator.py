"""An operator who acts on everybody, at any moment, breaks no promise.

Whatever is restarted, suspended, resumed and let go of while people buy and the store fails:
nothing is lost, nothing happens twice, and nothing is late because of it.
"""

import asyncio
from collections import Counter
from random import Random

import pytest

from actors import Ref
from actors.inspection import Inspector, NotNowError
from actors.simulation import simulate
from tests.support.invariants import check
from tests.support.simulated_market import BUSY_SECONDS, Market

SEEDS = 30

# Well within what a lapse may be late.
SUSPENDED_SECONDS_MAX = 1.5


class Operator:
    """Does something to somebody all the time."""

    def __init__(self, market: Market, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self.seen: list[object] = []
        self._market = market
        self._dice = Random(-1 - seed)  # noqa: S311 - its own, so that the market's is as it was

    async def operate(self) -> None:
        while self._market.clock.monotonic() < BUSY_SECONDS:
            await self._market.clock.sleep(self._dice.uniform(0.005, 0.1))
            inspector = self._inspector()
            if inspector is None:
                continue
            lines = await inspector.actors(limit=1000)
            busy = [line for line in lines if line.status == "running"]
            if lines:
                line = self._dice.choice(busy or lines)
                if self._dice.random() < 0.5:
                    inspector.watch(Ref(line.kind, line.key))
                await self._act(inspector, Ref(line.kind, line.key))

    def _inspector(self) -> Inspector | None:
        runtime = self._market._runtime
        return None if runtime is None or not runtime.is_ready else runtime.inspector

    async def _act(self, inspector: Inspector, ref: Ref) -> None:
        name = self._dice.choice(["restart", "restart", "passivate", "suspend", "look"])
        try:
            match name:
                case "restart":
                    inspector.restart(ref)
                case "passivate":
                    inspector.passivate(ref)
                case "suspend":
                    inspector.suspend(ref)
                    await self._market.clock.sleep(self._dice.uniform(0, SUSPENDED_SECONDS_MAX))
                    if self._inspector() is inspector:  # Else the node has gone meanwhile.
                        inspector.resume(ref)
                case _:
                    await inspector.actors(limit=5, order="mailbox")
                    inspector.overview()
                    self.seen.append((inspector.stack(ref), inspector.running(ref)))
        except NotNowError:
            name = "refused"
        self.done[name] += 1


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_promise_is_broken_by_an_operator(seed: int) -> None:
    async def scenario() -> Operator:
        market = Market(seed)
        operator = Operator(market, seed)
        await asyncio.gather(market.live(), operator.operate())
        check(market)
        return operator

    operator = simulate(scenario, seed)
    assert {"restart", "passivate", "suspend", "look"} <= operator.done.keys()
