"""Sessions that ended before their tokens do: rows that are written once, and read by gateways.

Tokens are verified without a store. What is over all the same is short, since nothing has to be
remembered for longer than a token lives: every gateway keeps all of it in memory, and reads what is
new (`web.revocations`).

Signing out of one session changes nothing of the account - there need not even be one here, since
others mint tokens, too - so the gateway writes that row, through the pool of reads. When all
sessions of an account end, the account appends the row in the commit that raises its epoch.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, NamedTuple

import msgspec

from actors import AppendedRow
from ticketing.auth.tokens import LIFETIME_SECONDS_MAX
from ticketing.reads import Reads
from ticketing.values import UserId

__all__ = ["REMEMBERED", "Ending", "News", "end", "forget", "since"]

REMEMBERED: Final = timedelta(seconds=LIFETIME_SECONDS_MAX) + timedelta(minutes=5)
"""By then no token is left of what ended; the minutes are for clocks that differ."""

_FORGOTTEN_AT_ONCE: Final = 1_000

# A row is seen when its commit is; others, written later, may have been seen before it. Statements
# are given up long before this.
_OVERLAP: Final = timedelta(seconds=60)


class Ending(AppendedRow, frozen=True, kw_only=True):
    """The end of the *session* of *user_id*, or of all whose tokens have an older *epoch*."""

    table: ClassVar[str] = "ended_sessions"

    user_id: UserId
    session: str | None = None
    epoch: int | None = None
    at: datetime


class News(NamedTuple):
    """What has ended, and where to read on."""

    endings: Sequence[Ending]
    newest: datetime | None


_END: Final = """
    insert into ended_sessions (user_id, session, at) values ($1, $2, now())
"""

_SINCE: Final = """
    select user_id, session, epoch, at, written_at from ended_sessions
    where written_at > coalesce($1::timestamptz - $2::interval, now() - $3::interval)
    order by written_at
"""

_FORGET: Final = """
    with past as (
        select ctid from ended_sessions where written_at < now() - $1::interval
        limit $2 for update skip locked
    )
    delete from ended_sessions using past where ended_sessions.ctid = past.ctid
"""


async def end(reads: Reads, user_id: UserId, session: str) -> None:
    """Have it written down that *session* is over."""
    await reads.rows(_END, user_id, session)


async def since(reads: Reads, newest: datetime | None) -> News:
    """What was written after *newest*, and a little before; None: all that still matters."""
    rows = await reads.rows(_SINCE, newest, _OVERLAP, REMEMBERED)
    return News(
        [msgspec.convert(dict(row), Ending) for row in rows],
        rows[-1]["written_at"] if rows else newest,
    )


async def forget(reads: Reads) -> None:
    """Delete some of what nobody needs to remember any more."""
    await reads.rows(_FORGET, REMEMBERED, _FORGOTTEN_AT_ONCE)
