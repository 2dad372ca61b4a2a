"""What `fsck` finds in a market."""

from typing import Any, TypeAlias

import asyncpg

from tests.support.breaks import Break
from tests.support.market import Market, Meddler
from ticketing.fsck import Violation, check

__all__ = ["Case", "found", "is_named"]

# What breaks a market, the rules that it breaks, and a part of what is said of it.
Case: TypeAlias = tuple[Break, set[str], str]


async def found(
    market: Market, intents: list[dict[str, Any]] | None = None, *, at_rest: bool = False
) -> list[Violation]:
    connection = await asyncpg.connect(market.dsn)
    try:
        held = market.intents if intents is None else intents
        return await check(connection, sandbox_intents=held, at_rest=at_rest)
    finally:
        await connection.close()


async def is_named(meddler: Meddler, do: Break, rules: set[str], line: str) -> None:
    """Break the market, and see that it is told: by these rules, in these words."""
    await do(meddler)
    violations = await found(meddler.market)
    assert {violation.rule for violation in violations} == rules, violations
    assert any(line in str(violation) for violation in violations), violations
