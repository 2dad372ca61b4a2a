"""Makes a failing plan small: leaves out whatever it fails without."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from tests.simulation.plan import CHANCES, Plan

__all__ = ["shrunk", "what"]

T = TypeVar("T")

# Most failures are small after fifty runs; each later one takes little more away.
RUNS_MAX: Final = 150


def what(violation: str) -> str:
    """Of which sort a violation is: its words, up to what is of this one case."""
    return re.split(r"[\d:({]", violation)[0].strip()


def shrunk(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """A small plan that *fails* as *plan* does, in so many runs."""
    left = RUNS_MAX

    def still(smaller: Plan) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and fails(smaller)

    quiet = replace(plan, off=frozenset(CHANCES), spells=())
    for calmer in (quiet, replace(plan, off=frozenset(CHANCES)), replace(plan, spells=())):
        if still(calmer):
            plan = calmer
            break
    visits = _fewer(plan.visits, lambda some: still(replace(plan, visits=tuple(some))))
    plan = replace(plan, visits=tuple(visits))
    spells = _fewer(plan.spells, lambda some: still(replace(plan, spells=tuple(some))))
    plan = replace(plan, spells=tuple(spells))
    for kind in CHANCES:
        calmer = replace(plan, off=plan.off | {kind})
        if kind not in plan.off and still(calmer):
            plan = calmer
    return plan


def _fewer(items: Sequence[T], still: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """What is left of *items* when all parts are gone that can go: large ones first (ddmin)."""
    size = max(len(items) // 2, 1)
    while items:
        start = 0
        while start < len(items):
            rest = [*items[:start], *items[start + size :]]
            if still(rest):
                items = rest
            else:
                start += size
        if size == 1:
            break
        size //= 2
    return items
