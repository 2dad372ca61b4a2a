"""How often somebody may try what is expensive or tempting. Ordinary people never notice.

Passwords: guessing is slowed down, by address, by account and by both; nobody is locked out, since
a place is free again after seconds, and what turns out to be right does not count. Unknown e-mails
are counted like known ones, so that a refusal says nothing about who has an account.

Requests that come together are counted together, in one statement (`actors.gatherer`).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from actors import Clock, Gatherer, Runtime
from ticketing import rate_limits
from ticketing.rate_limits import Limit
from ticketing.reads import Reads
from web.refusals import RateLimitedError

__all__ = [
    "CONFIRMING",
    "PAYING",
    "PAYING_BY_ADDRESS",
    "RESERVING",
    "RESETTING",
    "SIGN_IN_BY_ACCOUNT",
    "SIGN_IN_BY_ADDRESS",
    "SIGN_IN_BY_BOTH",
    "SIGN_UP",
    "Limiter",
    "refuse_if_waiting",
]

SIGN_IN_BY_BOTH: Final = Limit(name="signin", at_once=10, every=timedelta(seconds=12))
"""One account from one address. A forgotten password takes a few tries; who knows none gets five a
minute. A stranger elsewhere does not use up the owner's tries."""

SIGN_IN_BY_ADDRESS: Final = Limit(name="signin-address", at_once=60, every=timedelta(seconds=6))
"""All accounts from one address, which may be a campus or a mobile network at the opening of a
sale: sixty wrong passwords, or right ones being checked at one moment, and then ten a minute."""

SIGN_IN_BY_ACCOUNT: Final = Limit(name="signin-account", at_once=100, every=timedelta(seconds=2))
"""One account from anywhere. Six addresses that guess as fast as they may do not fill it; many do,
and then everybody waits for the next place, which comes every two seconds."""

SIGN_UP: Final = Limit(name="signup", at_once=30, every=timedelta(minutes=6))
"""Accounts from one address, and e-mails asked about: a class that signs up together, and then ten
an hour. Who wants thousands of accounts needs hundreds of addresses."""

RESETTING: Final = Limit(name="reset", at_once=20, every=timedelta(seconds=30))
"""Reset links from one address. Nobody guesses 256 bits: this spares the database the questions."""

RESERVING: Final = Limit(name="reserve", at_once=20, every=timedelta(seconds=2))
"""One user's attempts to get a ticket: twenty as fast as they can click, and then one every two
seconds, which is faster than anybody reads what came of the last."""

PAYING: Final = Limit(name="pay", at_once=20, every=timedelta(minutes=6))
"""One user's cards that were not taken. Somebody whose bank says no may try each of their four
reservations five times; after that it is ten an hour, too few to find out which of a list of stolen
numbers work. A payment that is taken does not count, nor what was refused before a card was tried,
and nobody gets more tries on one order than `TICKETING_PAYMENT_ATTEMPTS`."""

PAYING_BY_ADDRESS: Final = Limit(name="pay-address", at_once=100, every=timedelta(minutes=3))
"""The same of all users of one address, who may be a campus at the opening of a sale: a hundred
that are being decided at one moment, or declined, and then twenty an hour."""

CONFIRMING: Final = Limit(name="confirm", at_once=20, every=timedelta(seconds=3))
"""One user's returns from 3-D Secure, each of which asks the payment provider: more than somebody
who fails, reloads and tries again, and far less than the provider lets us ask."""

_LIMITS: Final = (
    SIGN_IN_BY_BOTH,
    SIGN_IN_BY_ADDRESS,
    SIGN_IN_BY_ACCOUNT,
    SIGN_UP,
    RESETTING,
    PAYING,
    PAYING_BY_ADDRESS,
    CONFIRMING,
)

# Old rows are harmless; a hundred thousand of them are 15 MB.
_PRUNE_EVERY_SECONDS: Final = 60.0


class _Try:
    """One request's try. Two of the same user are two: they are told apart by identity."""

    __slots__ = ("whose",)

    def __init__(self, whose: tuple[str, ...]) -> None:
        self.whose = whose


class Limiter:
    """Counts, unless limits are off."""

    def __init__(self, reads: Reads, runtime: Runtime, *, is_on: bool) -> None:
        self._reads = reads
        self._clock: Clock = runtime.clock
        self._is_on = is_on
        self._pruned_at = runtime.clock.monotonic()
        self._tries: Mapping[Limit, Gatherer[_Try, float]] = {
            limit: runtime.gatherer(partial(self._waits_of, limit)) for limit in _LIMITS
        }

    async def count(self, limit: Limit, *whose: str) -> None:
        """Count a try of *whose*.

        Raises:
            RateLimitedError: there were too many lately; this one does not count.

        """
        if self._is_on:
            wait = await self._tries[limit].get(_Try(whose))
            assert wait is not None, "every try is answered"
            refuse_if_waiting(wait)

    async def forgive(self, limit: Limit, *whose: str) -> None:
        """The last try of *whose* does not count after all."""
        if self._is_on:
            await rate_limits.give_back(self._reads, limit, limit.key(*whose))

    async def waits(self, limit: Limit, several: Sequence[tuple[str, ...]]) -> list[float]:
        """Count a try of each of *several*: 0 if it passes, else the seconds to wait."""
        if not self._is_on:
            return [0.0] * len(several)
        keys = [limit.key(*whose) for whose in several]
        waits = await rate_limits.take(self._reads, limit, keys)
        await self._prune_if_due()
        return waits

    async def _waits_of(self, limit: Limit, tries: list[_Try]) -> Mapping[_Try, float]:
        waits = await self.waits(limit, [each.whose for each in tries])
        return dict(zip(tries, waits, strict=True))

    async def _prune_if_due(self) -> None:
        now = self._clock.monotonic()
        if now - self._pruned_at < _PRUNE_EVERY_SECONDS:
            return
        self._pruned_at = now  # Before the wait, so that nobody else prunes meanwhile.
        if await rate_limits.prune(self._reads):
            self._pruned_at = now - _PRUNE_EVERY_SECONDS  # There are more: the next one goes on.


def refuse_if_waiting(seconds: float) -> None:
    """Refuse whoever has to wait for so many *seconds*.

    Raises:
        RateLimitedError: there are any.

    """
    if seconds > 0:
        raise RateLimitedError(retry_after=seconds)
