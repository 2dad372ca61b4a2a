"""How often somebody may try something: counted in the database, by its clock, for all processes.

The generic cell rate algorithm (GCRA, ITU-T I.371) in one UPSERT: a row says until when its owner
has paid, each try costs `Limit.every`, and nobody may be ahead by more than `Limit.at_once` of
them. So a few pass at once and then one at a time, and nothing has to be reset.

This writes through the pool of reads: the table holds nothing that is kept (it is unlogged), and
no actor is woken. Raises `UnavailableError` where the database cannot be reached: nobody passes
uncounted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from actors import derived_id
from ticketing.reads import Reads

__all__ = ["PRUNED_AT_ONCE", "Limit", "give_back", "prune", "shared_out", "take"]

PRUNED_AT_ONCE: Final = 1_000
"""How many rows one `prune` removes at most: some milliseconds of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many at once, and then one after each `every`."""

    name: str
    at_once: int
    every: timedelta

    def key(self, *whose: str) -> UUID:
        """The row of *whose*: no e-mail and no address is kept, only what they hash to."""
        return UUID(derived_id("rate_limits", self.name, *whose))


# All rows of a statement are judged at one instant, its start. They are locked in one order, so
# that two processes never wait for each other. Nobody is ever further ahead than `at_once`, even
# if the clock was set back or the limit lowered: hence the outer `least`.
_TAKE: Final = """
    insert into rate_limits as r (key, paid_until, granted)
    select key, now() + $3::interval * least(tries, $4), least(tries, $4)
    from unnest($1::uuid[], $2::integer[]) as wanted (key, tries)
    order by key
    on conflict (key) do update set (paid_until, granted) = (
        select start + $3::interval * fitting, fitting
        from (select least(greatest(r.paid_until, now()), now() + $3::interval * $4)) as a (start)
        cross join lateral (
            select least(
                excluded.granted,
                floor(
                    extract(epoch from now() + $3::interval * $4 - start)
                    / extract(epoch from $3::interval)
                )::integer
            )
        ) as b (fitting)
    )
    returning key, granted,
        extract(epoch from paid_until - now() - $3::interval * ($4 - 1))::double precision as wait
"""

_GIVE_BACK: Final = "update rate_limits set paid_until = paid_until - $2::interval where key = $1"

# Rows that somebody is just using are left for the next time: pruning waits for nobody.
_PRUNE: Final = """
    with past as (
        select key from rate_limits where paid_until < now() limit $1 for update skip locked
    )
    delete from rate_limits using past where rate_limits.key = past.key
    returning 1
"""


async def take(reads: Reads, limit: Limit, keys: Sequence[UUID]) -> list[float]:
    """For each of *keys*, in their order, 0 if it passes, else the seconds until the next may."""
    tries = Counter(keys)
    rows = await reads.rows(
        _TAKE, list(tries.keys()), list(tries.values()), limit.every, limit.at_once
    )
    return shared_out(keys, {row["key"]: (row["granted"], row["wait"]) for row in rows})


def shared_out(keys: Iterable[UUID], found: Mapping[UUID, tuple[int, float]]) -> list[float]:
    """Who of several with the same key passes: as many as were granted, first come, first served.

    *found* has, for each key, how many may pass and how long the others have to wait.
    """
    left = {key: granted for key, (granted, _) in found.items()}
    waits = []
    for key in keys:
        left[key] -= 1
        waits.append(0.0 if left[key] >= 0 else found[key][1])
    return waits


async def give_back(reads: Reads, limit: Limit, key: UUID) -> None:
    """One try of *key* does not count after all."""
    await reads.rows(_GIVE_BACK, key, limit.every)


async def prune(reads: Reads) -> bool:
    """Remove rows that say nothing any more; whether there may be others."""
    return len(await reads.rows(_PRUNE, PRUNED_AT_ONCE)) == PRUNED_AT_ONCE
