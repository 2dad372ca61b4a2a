"""The short form of `make money`: a tenth of the run, with deaths where money is under way."""

from tests.money.run import Script, play
from tests.money.world import Fate

SCRIPT = Script(
    purchases=50,
    every_seconds=2.0,
    kills_between=1,
    deaths=[
        Fate(place="stripe.capture.before#4"),
        Fate(seconds=10.0, place="commit.after:payments.authorised#4"),
    ],
)


async def test_a_tenth_of_the_money_run() -> None:
    counts = await play(SCRIPT, seed=5)
    assert counts.orders >= 50
    assert counts.captures >= 15
    assert counts.lapsed_while_paying >= 3
    assert counts.kills_between >= 1
