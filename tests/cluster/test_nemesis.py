"""Nodes, clients and a nemesis: thirty seconds here, ten minutes by `make nemesis`."""

import os
import secrets
import sys

import pytest

from tests.cluster.faults import FAULTS
from tests.cluster.run import Outcome, run
from tests.support import postgres

SECONDS = float(os.environ.get("TICKETING_NEMESIS_SECONDS", "600"))
SEED = int(os.environ.get("TICKETING_NEMESIS_SEED", "0")) or secrets.randbits(32)

SHORT_SECONDS = 30.0


async def test_thirty_seconds() -> None:
    await survive(SHORT_SECONDS)


@pytest.mark.nemesis
async def test_as_long_as_it_takes() -> None:
    await survive(SECONDS)


@pytest.mark.nemesis
async def test_with_three_nats_servers() -> None:
    """The faults of NATS in turn, each with a process that dies or is handed over in between."""
    only = tuple(name for name in FAULTS if "NATS" in name or name in {"kill -9", "SIGTERM"})
    await survive(SECONDS / 5, nats_servers=3, only=only)


async def survive(seconds: float, *, nats_servers: int = 1, only: tuple[str, ...] = ()) -> Outcome:
    sys.stdout.write(f"\nTICKETING_NEMESIS_SEED={SEED} TICKETING_NEMESIS_SECONDS={seconds:g}\n")
    with postgres.data_folder() as folder:
        outcome = await run(
            folder, seed=SEED, seconds=seconds, nats_servers=nats_servers, only=only
        )
    sys.stdout.write(f"{outcome}\n")
    assert outcome.violations == []
    # Without a key nobody asks again.
    asked = [call for call in outcome.history.calls if call.key or call.method == "GET"]
    assert all(call.is_answered for call in asked), "somebody was never answered"
    return outcome
