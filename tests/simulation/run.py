"""Plays many seeds: `make simulate SEEDS=200`, or one again: `make simulate SEED=7`.

Each seed has its thousands of commands and hundreds of faults; all of them together must have met
every case in `SOMETIMES` and every kind of fault. A seed that fails is shrunk and printed as the
command that plays it again.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from time import perf_counter
from typing import Final

from tests.simulation import planted
from tests.simulation.plan import CHANCES, SPELLS, Plan, drawn
from tests.simulation.shrink import shrunk, what
from tests.simulation.sometimes import SOMETIMES
from tests.simulation.world import Result, run
from tests.support.quiet import quiet

__all__ = ["COMMANDS_MIN", "FAULTS_MIN", "full"]

# A seed of this size has more than 5,000 commands.
VISITS: Final = 1740
SPELLS_OF_A_SEED: Final = 30
COMMANDS_MIN: Final = 5000
FAULTS_MIN: Final = 200
WORKERS: Final = 2


def full(seed: int) -> Plan:
    """The plan of a whole seed."""
    return drawn(seed, visits=VISITS, spells=SPELLS_OF_A_SEED)


def played(plan: Plan) -> Result:
    """*plan*, played without a word."""
    with quiet():
        return run(plan)


def many(first: int, seeds: int) -> bool:
    """Play so many whole seeds, on two cores; whether all is well."""
    began = perf_counter()
    faults: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    commands, few, bad = [], [], []
    numbers = range(first, first + seeds)
    with ProcessPoolExecutor(WORKERS) as pool:
        for seed, result in zip(numbers, pool.map(played, map(full, numbers)), strict=True):
            faults.update(result.faults)
            seen.update(result.seen)
            commands.append(result.commands)
            if result.violation is not None:
                bad.append(seed)
                print(f"seed {seed}: {result.violation}", flush=True)
            elif result.commands < COMMANDS_MIN or sum(result.faults.values()) < FAULTS_MIN:
                few.append(seed)
    print(f"{seeds} seeds in {perf_counter() - began:.0f} s, {sum(commands)} commands "
          f"(at least {min(commands)} a seed), {sum(faults.values())} faults")  # fmt: skip
    _print("faults", faults, (*SPELLS, *CHANCES))
    _print("sometimes", seen, SOMETIMES)
    never = [each for each in SOMETIMES if not seen[each]]
    never += [each for each in (*SPELLS, *CHANCES) if not faults[each]]
    for text, wrong in (("never", never), ("too small", few), ("failed", bad)):
        if wrong:
            print(f"{text}: {', '.join(map(str, wrong))}")
    if bad:
        explain(full(bad[0]), full(bad[0]))
    return not (never or few or bad)


def _print(title: str, counts: Counter[str], names: Iterable[str]) -> None:
    print(f"{title}:")
    for name in names:
        print(f"  {counts[name]:8}  {name}")


def explain(plan: Plan, whole: Plan) -> None:
    """Shrink a failing *plan*, of the *whole* of its seed, and say how to see it again."""
    violation = played(plan).violation
    assert violation is not None
    small = shrunk(plan, lambda less: what(played(less).violation or "") == what(violation))
    result = played(small)
    print(f"smallest: {len(small.visits)} visits, {len(small.spells)} spells, {result.steps} steps")
    print(f"  {result.violation}")
    spells = [number for number, each in enumerate(whole.spells) if each in small.spells]
    is_small = " SMALL=1" if len(whole.visits) < VISITS else ""
    visits = _written(visit.number for visit in small.visits)
    print(f"make simulate{is_small} SEED={plan.seed} VISITS={visits} SPELLS={_written(spells)} "
          f"OFF={','.join(sorted(small.off))}")  # fmt: skip


def _written(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers)) or "none"


def _read(text: str) -> set[int]:
    return set() if text == "none" else {int(each) for each in text.split(",")}


def one(whole: Plan, visits: str, spells: str, off: str) -> bool:
    """Play *whole*, or what was left of it; whether all is well."""
    plan = whole
    is_whole = not (visits or spells or off)
    if visits:
        kept = _read(visits)
        plan = replace(plan, visits=tuple(each for each in plan.visits if each.number in kept))
    if spells:
        kept = _read(spells)
        some = tuple(each for number, each in enumerate(plan.spells) if number in kept)
        plan = replace(plan, spells=some)
    plan = replace(plan, off=frozenset(filter(None, off.split(","))))
    result = played(plan)
    print(f"seed {plan.seed}: {result.violation or 'all is well'}; {result.steps} steps, "
          f"{result.commands} commands, {sum(result.faults.values())} faults")  # fmt: skip
    if result.violation is not None and is_whole:
        explain(plan, whole)
    return result.violation is None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--visits", default="")
    parser.add_argument("--spells", default="")
    parser.add_argument("--off", default="")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--planted", action="store_true")
    wanted = parser.parse_args()
    if wanted.planted:
        is_well = planted.table()
    elif wanted.seed is not None:
        whole = planted.small(wanted.seed) if wanted.small else full(wanted.seed)
        is_well = one(whole, wanted.visits, wanted.spells, wanted.off)
    else:
        is_well = many(wanted.first, wanted.seeds)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
