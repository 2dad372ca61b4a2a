"""The list of actors: those that are asked for, in an order, of the hundred thousand in memory.

An operator who looks at it every two seconds must not cost those who buy. Most actors are only
passed by: once there is a page of others, whoever cannot come before its last is left out by a
comparison or two, before anything is made of it.
"""

import asyncio
import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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

# What adding two clocks may have rounded off.
ROUNDED_SECONDS: Final = 1e-3

Place: TypeAlias = tuple[float, str, str]
"""Where an actor stands: by its rank, and those of one rank by kind and key."""


class Moment(NamedTuple):
    """What is the same for all the actors of one list."""

    at: float
    """On the monotonic clock."""
    began_at: float
    """When that clock began, since 1970: every process has one, and lists are of all of them."""
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


async def ranked(failed: Iterable[Ref], wanted: Wanted, moment: Moment) -> list[Ref]:
    """The first that are *wanted*, of all that *failed* and all that are in memory."""
    best = heapq.nsmallest(wanted.limit, _places(failed, wanted, moment))
    refs, activations = list(moment.live), list(moment.live.values())
    for start in range(0, len(refs), AT_ONCE):
        few = slice(start, start + AT_ONCE)
        likely: Iterable[Ref] = refs[few]
        if len(best) == wanted.limit:
            last = best[-1]
            if wanted.order == "idle":  # Rounded up: it is looked at more closely after this.
                last = (last[0] - moment.began_at + ROUNDED_SECONDS, *last[1:])
            likely = _LIKELY[wanted.order](refs[few], activations[few], last)
        found = set(_places(likely, wanted, moment))
        if found:
            best = heapq.nsmallest(wanted.limit, found.union(best))  # Some had failed, too.
        await asyncio.sleep(0)  # Lets others run; it waits for no time.
    return [Ref(kind, key) for _, kind, key in best]


def _places(refs: Iterable[Ref], wanted: Wanted, moment: Moment) -> Iterator[Place]:
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
    return UNKNOWN_AT if activation is None else moment.began_at + activation.used_at


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


# Of some who are in memory, those that may come before the last place of a page. ----------------


def _likely_by_name(refs: Sequence[Ref], _: Sequence[Activation], last: Place) -> Iterable[Ref]:
    """If nobody among them has a rank, but those who failed, and their places are known."""
    rank, *name = last
    return filter(tuple(name).__gt__, refs) if rank == 0 else ()


def _likely_by_mailbox(
    refs: Sequence[Ref], activations: Sequence[Activation], last: Place
) -> Iterable[Ref]:
    """Nothing waits for an actor that is neither at work nor suspended."""
    at_work = [each.ref for each in activations if each.is_running or each.is_suspended]
    return [*at_work, *_likely_by_name(refs, activations, last)]


def _likely_by_idle(
    _: Sequence[Ref], activations: Sequence[Activation], last: Place
) -> Iterable[Ref]:
    until = last[0]
    return [each.ref for each in activations if each.used_at <= until]


def _likely_by_version(
    _: Sequence[Ref], activations: Sequence[Activation], last: Place
) -> Iterable[Ref]:
    least = -last[0]
    return [
        each.ref
        for each in activations
        if (0 if each.state is None else each.state.version) >= least
    ]


_LIKELY: Final[
    Mapping[Order, Callable[[Sequence[Ref], Sequence[Activation], Place], Iterable[Ref]]]
] = {
    "restarts": _likely_by_name,
    "mailbox": _likely_by_mailbox,
    "idle": _likely_by_idle,
    "version": _likely_by_version,
    "key": _likely_by_name,
}
