"""Changes from the command line: messages put into the inbox, with the server up or down.

A running server finds them within a second; a stopped one when it starts.
"""

from typing import Final

from actors import Ids, InboxRow, SystemClock, encode, wire_name
from ticketing import auth, bootstrap
from ticketing.values import ADMIN

__all__ = ["NoSuchAccountError", "change_role"]

_CHANGES: Final = {"grant": auth.Grant(role=ADMIN), "revoke": auth.Revoke(role=ADMIN)}


class NoSuchAccountError(Exception):
    """Nobody has signed up with that e-mail address."""


async def change_role(dsn: str, email: str, change: str) -> str:
    """Have the admin role granted or revoked (*change*); a line that says so.

    Raises:
        NoSuchAccountError: there is no such account.

    """
    ids = Ids(SystemClock())
    store = bootstrap.open_store(dsn, ids, exclusive=False)
    await store.open()
    try:
        ref = auth.account(email)
        if not await store.load([ref]):
            raise NoSuchAccountError(f"there is no account {email}; sign up first")
        message = _CHANGES[change]
        async with store.pool.acquire() as connection:
            now = await connection.fetchval("select clock_timestamp()")
        row = InboxRow(
            id=ids.new(),
            partition=bootstrap.placement().partition(ref),
            kind=ref.kind,
            key=ref.key,
            message=wire_name(type(message)),
            body=encode(message),
            due_at=now,
        )
        await store.send([row])
    finally:
        await store.close()
    return f"{change} {ADMIN} {email}: sent; a running server acts on it within a second"
