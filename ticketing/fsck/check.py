"""All rules, in one read-only transaction."""

import sys
from typing import Final

import asyncpg

from actors.postgres_session import prepare_session
from ticketing.bootstrap import placement
from ticketing.fsck import audit, history, inbox, money, parallel, provider, queries
from ticketing.fsck.fragments import MAY_BE_OPEN
from ticketing.fsck.violation import Connection, Violation

__all__ = ["MAY_BE_OPEN_SECONDS", "RULES", "check", "run"]

# Two commits of different actors are milliseconds apart, and seconds if a process dies in between.
MAY_BE_OPEN_SECONDS: Final = 10

# From an authorisation to its capture, or its end: a few calls to the provider.
MAY_BE_HELD_SECONDS: Final = 60

RULES: Final = {**queries.RULES, **money.RULES}
"""All rules about pairs, deadlines and money: the query of each."""


async def run(dsn: str) -> int:
    """The command: prints a line for each violation; 1 if there is any, else 0."""
    connection = await asyncpg.connect(dsn, server_settings=parallel.SETTINGS)
    try:
        found = await check(connection, dsn=dsn)
    finally:
        await connection.close()
    for violation in found:
        sys.stdout.write(f"{violation}\n")
    sys.stderr.write(f"{len(found)} violations\n")
    return 1 if found else 0


async def check(
    connection: Connection,
    *,
    dsn: str | None = None,
    sandbox_intents: provider.Intents | None = None,
    at_rest: bool = False,
) -> list[Violation]:
    """Every violation there is, at one instant.

    *connection* is for this alone, outside any transaction. With its *dsn*, a large market is gone
    through by several processes. *sandbox_intents*, if given, is what
    the payment sandbox holds (the list in the answer to `GET /_sandbox/intents`). *at_rest* says
    that nothing is under way: then no pair may be open, however young it is.
    """
    may_be_open = 0 if at_rest else MAY_BE_OPEN_SECONDS
    await prepare_session(connection)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(MAY_BE_OPEN, f"{may_be_open} seconds")
        found = await _rows(connection)
        found += await _histories(connection, dsn)
        found += await audit.chain(connection)
        if sandbox_intents is not None:
            found += await provider.books(
                connection,
                sandbox_intents,
                may_be_open=may_be_open,
                may_be_held=0 if at_rest else MAY_BE_HELD_SECONDS,
            )
    return found


async def _rows(connection: Connection) -> list[Violation]:
    return [
        Violation(rule, row["subject"], row["detail"])
        for rule, query in RULES.items()
        for row in await connection.fetch(query)
    ]


async def _histories(connection: Connection, dsn: str | None) -> list[Violation]:
    found = await history.foreign_facts(connection)
    found += await parallel.histories(connection, dsn)
    return found + [each async for each in inbox.messages(connection, placement())]
