"""What the queries of the rules are put together out of."""

# ruff: noqa: S608 - the queries are put together out of constants

from typing import Final

from ticketing.expiration import WATCHES

__all__ = ["IS_LIVE", "MAY_BE_OPEN", "ON_ITS_WAY", "OPEN", "changed_at", "told", "watched"]

# How long a pair that two commits close may be open: set for the transaction, in seconds.
MAY_BE_OPEN: Final = "select set_config('fsck.may_be_open', $1, true)"
OPEN: Final = "current_setting('fsck.may_be_open')::interval"

# A message that is being worked on, or is tried again soon: it is on its way. A timer is not,
# until it is due.
ON_ITS_WAY: Final = "i.parked_at is null and (i.due_at <= now() or i.attempts > 0)"

IS_LIVE: Final = "o.status in ('created', 'awaiting:payment') and o.settled_at is null"


def told(kind: str, key: str, *messages: str) -> str:
    """Whether one of *messages* is on its way to an actor of *kind*."""
    names = ", ".join(f"'{name}'" for name in messages)
    return f"""exists (
        select from inbox i
        where i.kind = '{kind}' and i.key = {key} and i.message in ({names}) and {ON_ITS_WAY}
    )"""


def watched(partition: str) -> str:
    """Whether the watch of *partition* is looking right now: it tells who should act."""
    number = f"({partition} % {WATCHES})::text"
    looking = told("watch", number, "expiration.look")
    return f"({looking} or {told('sweeper', number, 'sweeper.sweep')})"


def changed_at(kind: str, actor: str) -> str:
    """When an actor last recorded something."""
    return f"""(
        select j.at from journal j
        where j.kind = '{kind}' and j.key = {actor}.id and j.version = {actor}.version
        order by j.seq desc limit 1
    )"""
