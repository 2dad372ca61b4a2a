"""Whose sockets they are: what signing out ends.

Signing out ends the sockets of that session, which is told apart from the user's others by the
moment of its sign-in: renewing a token does not move that. Signing out everywhere, a new password
or a role that is taken away raise the account's session epoch; the bus says so, wherever it was
done, and every socket with an older one ends.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from actors import Bus, Change
from ticketing import topics
from ticketing.auth import AccountState
from ticketing.auth.tokens import Claims
from web.live.protocol import Close
from web.live.socket import LiveSocket

__all__ = ["People"]

_SIGNED_OUT = "signed out"


class _Closer(Protocol):
    def __call__(self, socket: LiveSocket, code: Close, reason: str) -> None: ...


class _Person:
    """A user with sockets."""

    __slots__ = ("end_watch", "sockets")

    def __init__(self, end_watch: Callable[[], None]) -> None:
        self.sockets: set[LiveSocket] = set()
        self.end_watch = end_watch


class People:
    """The users who have sockets open here."""

    def __init__(self, bus: Bus, close: _Closer) -> None:
        self._bus = bus
        self._close = close
        self._people: dict[str, _Person] = {}

    def enter(self, socket: LiveSocket) -> None:
        user_id = socket.user_id
        if user_id is None:
            return
        person = self._people.get(user_id)
        if person is None:
            watch = self._bus.watch(topics.account(user_id), partial(self._changed, user_id))
            person = self._people[user_id] = _Person(watch)
        person.sockets.add(socket)

    def leave(self, socket: LiveSocket) -> None:
        person = self._people.get(socket.user_id or "")
        if person is None:
            return
        person.sockets.discard(socket)
        if not person.sockets:
            person.end_watch()
            del self._people[socket.user_id or ""]

    def signed_out(self, claims: Claims) -> None:
        """The session of *claims* is over."""
        for socket in self._sockets_of(claims.user_id):
            if socket.claims is not None and socket.claims.auth_time == claims.auth_time:
                self._close(socket, Close.SIGNED_OUT, _SIGNED_OUT)

    def _changed(self, user_id: str, change: Change) -> None:
        account = change.state
        if not isinstance(account, AccountState):
            return
        for socket in self._sockets_of(user_id):
            epoch = None if socket.claims is None else socket.claims.session_epoch
            if epoch is not None and epoch != account.session_epoch:
                self._close(socket, Close.SIGNED_OUT, _SIGNED_OUT)

    def _sockets_of(self, user_id: str) -> tuple[LiveSocket, ...]:
        person = self._people.get(user_id)
        return () if person is None else tuple(person.sockets)
