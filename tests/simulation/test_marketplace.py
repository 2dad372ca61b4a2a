"""Several nodes in virtual time, while everything that can fail does: no promise is broken.

A seed that fails here is seen again, callback by callback, with the command it prints. Many more
seeds, of whole size: `make simulate`.
"""

import os
import subprocess
import sys

import pytest

from tests.simulation.plan import CHANCES, Plan, drawn
from tests.simulation.planted import PLANTED, Planted, small
from tests.simulation.run import COMMANDS_MIN, FAULTS_MIN
from tests.simulation.shrink import shrunk
from tests.simulation.world import run

BUGS = {bug.name: bug for bug in PLANTED}


@pytest.mark.parametrize("seed", range(1, 6))
def test_no_promise_is_broken(seed: int) -> None:
    result = run(small(seed))
    assert result.violation is None, f"make simulate SMALL=1 SEED={seed}"
    # At least a tenth of the commands of a whole seed, and half the faults.
    assert result.commands > COMMANDS_MIN / 10
    assert sum(result.faults.values()) > FAULTS_MIN / 2


def test_a_seed_says_exactly_what_happens() -> None:
    plan = drawn(7, visits=60, spells=6)
    first, second = run(plan), run(plan)
    assert first == second
    assert first.steps > 5_000
    # Here, what is logged is a step of its own: so others are compared with each other.
    assert _elsewhere("1") == _elsewhere("2")


_PROGRAM = """
from tests.simulation.plan import drawn
from tests.simulation.world import run
print(run(drawn(7, visits=60, spells=6)).steps)
"""


def _elsewhere(hash_seed: str) -> str:
    """The steps of it in another process, where strings have other places in their sets."""
    done = subprocess.run(  # noqa: S603 - this very interpreter
        (sys.executable, "-c", _PROGRAM),
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()[-1]


def violation(bug: Planted, seed: int) -> str | None:
    with bug.in_place():
        return run(small(seed)).violation


@pytest.mark.parametrize("name", ["release without order check", "reply before commit"])
def test_a_planted_bug_is_found_by_the_first_seed(name: str) -> None:
    assert violation(BUGS[name], 1) is not None


def test_what_fails_is_shrunk_to_what_it_takes() -> None:
    bug = BUGS["reply before commit"]

    def fails(plan: Plan) -> bool:
        with bug.in_place():
            return run(plan).violation is not None

    little = shrunk(drawn(1, visits=40, spells=4), fails)
    assert fails(little)
    assert len(little.visits) == 1
    assert little.spells == ()
    assert little.off == frozenset(CHANCES)
