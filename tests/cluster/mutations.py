"""The checks bite: what runs find when a protection is taken out, and that it is nothing otherwise.

`python -m tests.cluster.mutations [NAME ...]` plants each mutation (`mutant`), lets clients and the
faults loose against which that protection is there, with one seed after the other until something
is found, and then lets the product as it is go through the same. It prints a table, and ends with 1
if a mutation was not found or the product itself was to blame.
"""

import argparse
import asyncio
import secrets
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.cluster.clients import CLIENTS
from tests.cluster.mutant import FEW_PARTITIONS, command, with_few_partitions
from tests.cluster.run import Outcome, run
from tests.support import postgres

__all__ = ["TRIALS", "Caught", "Trial", "attempt"]

SECONDS: Final = 40.0

# Chance decides what a fault meets. A mutation that so many runs do not find is not found.
RUNS_MAX: Final = 5


@dataclass(frozen=True)
class Trial:
    """A mutation, and where it must show."""

    mutation: str
    faults: tuple[str, ...]
    nodes: int = 2
    clients: int = CLIENTS
    settings: Mapping[str, str] = field(default_factory=dict)


# What a crowd is told by a node that is cut off is of a reservation that its holder has given up
# meanwhile, if reservations are long enough to outlast that.
LONG_RESERVATIONS: Final = {"TICKETING_RESERVATION_SECONDS": "20"}

TRIALS: Final = (
    # Few, so that what waits in the line is what nobody else does meanwhile.
    Trial("fence", ("both lines held, and a crowd",), clients=2),
    Trial("versions", ("rows written by hand",)),
    Trial("leases", ("both lines held, and a crowd",), settings=LONG_RESERVATIONS),
    Trial("answers", ("answers of PostgreSQL lost", "answers over NATS lost")),
)


@dataclass(frozen=True)
class Caught:
    """What came of a trial."""

    trial: Trial
    seed: int
    runs: int
    mutated: Outcome
    sound: Outcome

    @property
    def is_good(self) -> bool:
        """Whether the mutation, and nothing but it, has shown."""
        return bool(_lies(self.mutated)) and not self.sound.violations

    def __str__(self) -> str:
        broken = Counter(each.partition(":")[0] for each in self.mutated.violations)
        shown = ", ".join(f"{rule} {count}" for rule, count in broken.most_common()) or "NOTHING"
        return " | ".join((
            self.trial.mutation,
            ", ".join(self.trial.faults),
            f"{self.seed}",
            f"{self.runs}",
            f"{len(self.mutated.faults)}",
            f"{len(self.mutated.history.calls)}",
            shown,
            f"{len(self.sound.history.calls)}",
            f"{len(self.sound.violations)}",
        ))  # fmt: skip


HEAD: Final = (
    "without | faults | seed | runs | faults made | operations | violations"
    " | operations of the product as it is | its violations"
)


def _lies(outcome: Outcome) -> list[str]:
    """Its violations, but not that something took too long: a busy machine does that, too."""
    return [each for each in outcome.violations if not each.startswith(("nemesis:", "rest:"))]


async def attempt(trial: Trial, seeds: Sequence[int], seconds: float) -> Caught:
    """Run *trial* with one seed after the other until something is found."""
    for runs, seed in enumerate(seeds, 1):
        mutated = await _run(trial, seed, seconds, f"{FEW_PARTITIONS}+{trial.mutation}")
        if _lies(mutated) or runs == len(seeds):
            sound = await _run(trial, seed, seconds, FEW_PARTITIONS)
            return Caught(trial, seed, runs, mutated, sound)
    raise ValueError("expected a seed at least")


async def _run(trial: Trial, seed: int, seconds: float, variant: str) -> Outcome:
    with postgres.data_folder() as folder:
        outcome = await run(
            folder,
            seed=seed,
            seconds=seconds,
            services=("all",) * trial.nodes,
            command=command(variant),
            only=trial.faults,
            clients=trial.clients,
            settings=trial.settings,
        )
    sys.stdout.write(f"\n{variant}, seed {seed}\n{outcome}\n")
    sys.stdout.flush()
    return outcome


async def _main(names: Sequence[str], seconds: float, first: int, runs: int) -> int:
    chosen = [each for each in TRIALS if not names or each.mutation in names]
    seeds = range(first, first + runs)
    with_few_partitions()  # So that fsck, which runs here, looks where they are.
    found = [await attempt(trial, seeds, seconds) for trial in chosen]
    sys.stdout.write("".join(f"{line}\n" for line in ("", HEAD, *found)))
    return 0 if chosen and all(each.is_good for each in found) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="mutations", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one run")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first run; the next is one more"
    )
    parser.add_argument("--runs", type=int, default=RUNS_MAX, help="of one mutation, at most")
    given = parser.parse_args()
    seed = given.seed or secrets.randbits(31)
    sys.exit(asyncio.run(_main(given.names, given.seconds, seed, given.runs)))
