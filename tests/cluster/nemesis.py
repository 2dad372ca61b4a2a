"""What happens to a cluster: one fault after the other, chosen by dice.

A fault begins, lasts, is healed, and is over when every node says again that it is ready.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from tests.cluster.faults import FAULTS, OTHERS, left_out
from tests.cluster.victims import BACK_SECONDS, Victims, now

__all__ = ["Fault", "Nemesis"]

# From one fault to the next. Some begin before the cluster has quite recovered from the last one.
CALM_SECONDS: Final = (0.2, 2.0)


@dataclass
class Fault:
    """One thing that happened, by the clock of the clients."""

    name: str
    target: str
    began: float
    healed: float = 0.0
    over: float = 0.0
    """When every node was ready again."""


@dataclass
class Nemesis:
    """Does harm to its *victims*; *only* names the faults, if not all are wanted."""

    victims: Victims
    only: tuple[str, ...] = ()
    faults: list[Fault] = field(default_factory=list)

    async def rage(self, until: float) -> None:
        """Do harm until then; after that all is healed, and everybody is back."""
        deck: list[str] = []
        while now() < until:
            if not deck:
                deck = self._deck()
            await self.strike(deck.pop())
            await asyncio.sleep(self.victims.chances.uniform(*CALM_SECONDS))

    async def strike(self, name: str) -> Fault:
        """Do this, and wait until everybody is back."""
        fault = Fault(name, "", now())
        self.faults.append(fault)
        fault.target = await {**FAULTS, **OTHERS}[name](self.victims)
        fault.healed = now()
        for node in self.victims.cluster.nodes:
            await node.ready(BACK_SECONDS)
        fault.over = now()
        return fault

    def _deck(self) -> list[str]:
        """All that can be done here, shuffled: each comes once before any comes again."""
        impossible = left_out(self.victims.cluster)
        names = [name for name in self.only or FAULTS if name not in impossible]
        assert names, f"nothing is left of {self.only}"
        self.victims.chances.shuffle(names)
        return names
