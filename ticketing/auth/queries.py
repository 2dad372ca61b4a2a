"""The reads behind pages and sign-in; they wake no actor."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ticketing.auth.state import AccountState
from ticketing.reads import Reads
from ticketing.values import UserId

__all__ = ["find", "find_reset", "find_user", "users"]

_SELECT: Final = """
    select id, version, user_id, email, password_hash, roles, session_epoch, created_at,
        reset_hash, reset_until
    from accounts
"""

_USERS: Final = "select id, user_id from accounts where id = any($1::text[])"


async def find(reads: Reads, email: str) -> AccountState | None:
    """The account that signs in with *email*, in whatever case."""
    return _account(await reads.row(_SELECT + "where id = $1", email.casefold()))


async def find_user(reads: Reads, user_id: UserId) -> AccountState | None:
    """The account of *user_id*, if it has one here: others mint tokens too."""
    return _account(await reads.row(_SELECT + "where user_id = $1", user_id))


async def find_reset(reads: Reads, token_hash: str) -> AccountState | None:
    """The account whose reset link has the token of *token_hash*, if that is still good."""
    return _account(
        await reads.row(_SELECT + "where reset_hash = $1 and reset_until > now()", token_hash)
    )


async def users(reads: Reads, accounts: Sequence[str]) -> Mapping[str, UserId]:
    """The users of *accounts*, which are called by their e-mail addresses."""
    rows = await reads.rows(_USERS, accounts)
    return {row["id"]: UserId(row["user_id"]) for row in rows}


def _account(row: Any) -> AccountState | None:
    return None if row is None else msgspec.convert(dict(row), AccountState)
