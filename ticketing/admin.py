"""Changes from the command line: messages put into the inbox, with the server up or down.

A running server finds them within a second; a stopped one when it starts.
"""

from typing import Any, Final

from actors import Ids, InboxRow, Message, SystemClock, encode, wire_name
from ticketing import auth, bootstrap
from ticketing.auth import resets
from ticketing.values import ADMIN

__all__ = ["NoSuchAccountError", "change_role", "offer_reset"]

_CHANGES: Final = {"grant": auth.Grant(role=ADMIN), "revoke": auth.Revoke(role=ADMIN)}


class NoSuchAccountError(Exception):
    """Nobody has signed up with that e-mail address."""


async def change_role(dsn: str, email: str, change: str) -> str:
    """Have the admin role granted or revoked (*change*); a line that says so.

    Raises:
        NoSuchAccountError: there is no such account.

    """
    await _send(dsn, email, _CHANGES[change])
    return f"{change} {ADMIN} {email}: sent; a running server acts on it within a second"


async def offer_reset(dsn: str, email: str, public_url: str) -> str:
    """Have a reset link made; the link, which nobody can be shown again, and what it is good for.

    What comes after the `#` never leaves the browser by itself: no log and no other site has it.

    Raises:
        NoSuchAccountError: there is no such account.

    """
    token = resets.new_token()
    # Counted from here: the server may be down, and find the message in a day.
    until = SystemClock().now() + resets.LIFETIME
    message = auth.OfferReset(token_hash=resets.hash_token(token), until=until)
    await _send(dsn, email, message)
    return (
        f"{public_url}/reset#{token}\n"
        f"good once, until {until:%Y-%m-%d %H:%M} UTC; links made before are not good any more"
    )


async def _send(dsn: str, email: str, message: Message[Any]) -> None:
    ids = Ids(SystemClock())
    store = bootstrap.open_store(dsn, ids, exclusive=False)
    await store.open()
    try:
        ref = auth.account(email)
        if not await store.load([ref]):
            raise NoSuchAccountError(f"there is no account {email}; sign up first")
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
