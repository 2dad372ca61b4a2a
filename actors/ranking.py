"""The list of actors: those that are asked for, in an order, of the hundred thousand in memory.

Most are only passed by, so nothing is made of them but their place in the list: an operator who
looks at it every two seconds must not cost those who buy.
"""

import asyncio
import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

from actors.activation import Activation
from actors.ref import Ref
from actors.seen import ActorStatus, Order
from actors.supervisor import Crash

__all__ = ["UNKNOWN_AT", "Moment", "Wanted", "ranked", "status_of"]

# Actors that are looked through without letting anybody else run: about a millisecond.
AT_ONCE: Final = 1_000

# After every moment at which anybody was used: of those who are not in memory nobody knows when.
UNKNOWN_AT: Final = float(2**53)

Place: TypeAlias = tuple[float, str, str]
"""Where an actor stands: by its rank, and those of one rank by kind and key."""


class Moment(NamedTuple):
    """What is the same for all the actors of one list."""

    at: float
    """On the monotonic clock."""
    live: Mapping[Ref, Activation]
    troubled: Mapping[Ref, bool]
    crashes: Mapping[Ref, Crash]


class Wanted(NamedTuple):
    """Which actors: *key* is how a key begins, *after* the place of the last one that was seen."""

    kinds: Collection[str]
    status: ActorStatus | None
    key: str | None
    order: Order
    after: tuple[Any, str, str] | None
    limit: int


async def ranked(refs: Sequence[Ref], wanted: Wanted, moment: Moment) -> list[Ref]:
    """The first of *refs* that are *wanted*."""
    best: list[Place] = []
    for start in range(0, len(refs), AT_ONCE):
        found = list(_places(refs[start : start + AT_ONCE], wanted, moment))
        if len(best) == wanted.limit:
            last = best[-1]
            found = [place for place in found if place < last]
        if found:
            best = heapq.nsmallest(wanted.limit, chain(best, found))
        await asyncio.sleep(0)  # Lets others run; it waits for no time.
    return [Ref(kind, key) for _, kind, key in best]


def _places(refs: Sequence[Ref], wanted: Wanted, moment: Moment) -> Iterator[Place]:
    kinds, status, beginning, order, after, _ = wanted
    rank = _RANKS[order]
    for ref in refs:
        kind, key = ref
        if kind not in kinds or (beginning is not None and not key.startswith(beginning)):
            continue
        if status is not None and status_of(ref, moment) != status:
            continue
        place = (rank(ref, moment), kind, key)
        if after is None or place > after:
            yield place


def status_of(ref: Ref, moment: Moment) -> ActorStatus:
    """What *ref* is up to."""
    activation, is_quarantined = moment.live.get(ref), moment.troubled.get(ref)
    if activation is not None and activation.is_suspended:
        return "suspended"
    if is_quarantined is not None:
        return "quarantined" if is_quarantined else "held"
    if activation is None:
        return "asleep"
    return "running" if activation.is_running else "idle"


def _restarts(ref: Ref, moment: Moment) -> float:
    crash = moment.crashes.get(ref)
    return 0 if crash is None else -crash.restarts


def _mailbox(ref: Ref, moment: Moment) -> float:
    activation = moment.live.get(ref)
    return 0 if activation is None else -len(activation.mailbox)


def _idle(ref: Ref, moment: Moment) -> float:
    activation = moment.live.get(ref)
    return UNKNOWN_AT if activation is None else activation.used_at


def _version(ref: Ref, moment: Moment) -> float:
    activation = moment.live.get(ref)
    return 0 if activation is None or activation.state is None else -activation.state.version


_RANKS: Final[Mapping[Order, Callable[[Ref, Moment], float]]] = {
    "restarts": _restarts,
    "mailbox": _mailbox,
    "idle": _idle,
    "version": _version,
    "key": lambda _ref, _moment: 0,
}
