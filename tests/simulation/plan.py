"""What is going to happen in a simulation: who comes when, and which faults strike.

A plan follows from its seed alone. A smaller one, with some of the visits and spells left out or
some kinds of faults switched off, is a simulation too: each visit draws its own chances, so the
others go on doing what they did. That is what shrinking is made of.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

__all__ = ["CHANCES", "NODES", "SPELLS", "Plan", "Spell", "Visit", "drawn"]

NODES: Final = 3
BUSY_SECONDS: Final = 45.0

SPELLS: Final = (
    "crash", "pause", "stop", "cut", "deaf", "mute", "store_away", "database_restarted", "storm",
)  # fmt: skip
"""Faults with a beginning and an end, of one node each."""

CHANCES: Final = {
    "commit_failed": 0.01,
    "commit_answer_lost": 0.01,
    "commit_slow": 0.01,
    "crash_before_commit": 0.0004,
    "crash_after_commit": 0.0004,
    "request_lost": 0.01,
    "request_doubled": 0.02,
    "answer_lost": 0.01,
    "cast_lost": 0.004,
    "cast_doubled": 0.004,
    "word_delayed": 0.01,
    "live_line_broken": 0.02,
    "clock_skewed": 0.7,
    "provider_unreachable": 0.04,
    "provider_silent": 0.05,
    "provider_answer_lost": 0.05,
    "provider_slow": 0.05,
    "card_declined": 0.2,
    "capture_lost": 0.06,
    "taken_unasked": 0.01,
    "refund_failed": 0.2,
    "webhook_lost": 0.2,
    "webhook_late": 0.2,
    "webhook_doubled": 0.2,
    "webhook_stale": 0.2,
}
"""Faults that may strike whenever there is an occasion, and how often they do."""


class Visit(NamedTuple):
    """Somebody comes at *at* seconds, and draws from a seed of their own."""

    number: int
    who: str
    at: float


class Spell(NamedTuple):
    """For *seconds* from *at* something is wrong with *node*."""

    kind: str
    at: float
    node: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """All of it."""

    seed: int
    visits: tuple[Visit, ...]
    spells: tuple[Spell, ...]
    off: frozenset[str] = frozenset()
    """Kinds of faults that do not strike."""

    @property
    def seconds(self) -> float:
        """After which nobody comes any more."""
        return max((visit.at for visit in self.visits), default=0.0)

    def dice(self, name: object) -> Random:
        """Chances of their own for whoever is called *name*."""
        return Random(f"{self.seed}/{name}")  # noqa: S311 - reproducible is what it has to be


def drawn(seed: int, *, visits: int, spells: int, off: Iterable[str] = ()) -> Plan:
    """The plan of *seed*, with so many visits and spells."""
    dice = Random(f"plan {seed}")  # noqa: S311
    seconds = BUSY_SECONDS * visits / 1000 + 5
    people = dice.choices(
        ("seller", "buyer", "hoarder", "editor", "admin"), (18, 50, 2, 26, 4), k=visits
    )
    kinds = [
        *SPELLS[: spells and len(SPELLS)],
        *dice.choices(SPELLS, k=max(spells - len(SPELLS), 0)),
    ]
    return Plan(
        seed,
        tuple(Visit(number, who, dice.uniform(0.5, seconds)) for number, who in enumerate(people)),
        tuple(
            Spell(kind, dice.uniform(1, seconds), dice.randrange(NODES), dice.uniform(0.2, 9))
            for kind in kinds[:spells]
        ),
        frozenset(off),
    )
