"""`make money`: 500 purchases under all faults at once, and many sudden deaths."""

import os
import secrets
import sys

import pytest

from tests.crash.world import dice
from tests.money.run import long_script, play

pytestmark = pytest.mark.money

SEED = int(os.environ.get("TICKETING_MONEY_SEED", "0")) or secrets.randbits(32)


async def test_money_moves_once_or_not_at_all() -> None:
    sys.stdout.write(f"\nTICKETING_MONEY_SEED={SEED}\n")
    counts = await play(long_script(dice(SEED)), SEED)
    assert counts.orders >= 500
    assert counts.captures >= 150
    assert counts.lapsed_while_paying >= 50
    assert counts.kills_between >= 20
