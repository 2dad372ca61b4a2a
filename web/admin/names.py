"""What actors are called outside. An account's key is its e-mail address: it goes by its user."""

from collections.abc import Collection, Mapping
from typing import Final

from actors import Ref
from ticketing.auth import ACCOUNT, AccountState, queries
from ticketing.reads import Reads
from ticketing.values import UserId

__all__ = ["NAMELESS", "real", "shown"]

NAMELESS: Final = "(personal)"
"""An account that is not opened yet, and may never be."""


async def shown(refs: Collection[Ref], reads: Reads) -> Mapping[Ref, str]:
    """The keys of *refs* as administrators see them."""
    emails = [ref.key for ref in refs if ref.kind == ACCOUNT]
    users = await queries.users(reads, emails) if emails else {}
    return {ref: users.get(ref.key, NAMELESS) if ref.kind == ACCOUNT else ref.key for ref in refs}


async def real(kind: str, key: str, reads: Reads) -> Ref | None:
    """The actor that is shown as *key*; None: there is none, since there is no such user."""
    if kind != ACCOUNT:
        return Ref(kind, key)
    account: AccountState | None = await queries.find_user(reads, UserId(key))
    return None if account is None else Ref(ACCOUNT, account.id)
