"""Whose sockets they are: what signing out ends.

Signing out ends the sockets of that session, which is told apart from the user's others by the
moment of its sign-in: renewing a token does not move that. Nothing is committed by it, so it is
cast to the other gateways; where that gets lost, a socket ends with its token. Signing out
everywhere, a new password or a role that is taken away raise the account's session epoch; the bus
says so, wherever it was done, and every socket with an older one ends. Where the bus may have
missed it, the epochs are read.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, Protocol, TypeAlias

import msgspec
import structlog

from actors import Bus, Change
from actors.link import Link
from ticketing import topics
from ticketing.auth import AccountState
from ticketing.auth.tokens import Claims
from ticketing.values import UserId
from web.live.protocol import Close
from web.live.socket import LiveSocket

__all__ = ["Epochs", "People"]

log = structlog.get_logger("web.live")

_SIGNED_OUT: Final = "signed out"

_SUBJECT: Final = "signed-out"

_USERS_AT_ONCE: Final = 500  # Of ten thousand: twenty reads of a few milliseconds each.

Epochs: TypeAlias = Callable[[list[UserId]], Awaitable[Mapping[UserId, int]]]
"""The session epochs of those users who have an account here, as they are now."""


class _SignedOut(msgspec.Struct, frozen=True, array_like=True):
    """A session that is over."""

    user_id: UserId
    auth_time: datetime


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(_SignedOut).decode


class _Closer(Protocol):
    def __call__(self, socket: LiveSocket, code: Close, reason: str) -> None: ...


class _Person:
    """A user with sockets."""

    __slots__ = ("end_watch", "sockets")

    def __init__(self, end_watch: Callable[[], None]) -> None:
        self.sockets: set[LiveSocket] = set()
        self.end_watch = end_watch


class People:
    """The users who have sockets open here; *link* leads to the other gateways."""

    def __init__(self, bus: Bus, close: _Closer, *, epochs: Epochs, link: Link | None) -> None:
        self._bus = bus
        self._close = close
        self._epochs = epochs
        self._link = link
        self._people: dict[UserId, _Person] = {}

    async def open(self) -> None:
        """Hear from now on who signs out elsewhere."""
        if self._link is not None:
            await self._link.listen(_SUBJECT, self._heard)

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
        user_id = socket.user_id
        person = None if user_id is None else self._people.get(user_id)
        if user_id is None or person is None:
            return
        person.sockets.discard(socket)
        if not person.sockets:
            person.end_watch()
            del self._people[user_id]

    # One session.

    def signed_out(self, claims: Claims) -> None:
        """The session of *claims* is over: here, and at every other gateway."""
        session = _SignedOut(claims.user_id, claims.auth_time)
        self._end(session)
        if self._link is not None:
            self._link.cast(_SUBJECT, _pack(session))

    def _heard(self, body: bytes) -> None:
        """Another gateway says who has signed out."""
        try:
            self._end(_unpack(body))
        except msgspec.DecodeError as error:
            log.warning("word.unreadable", why=str(error))

    def _end(self, session: _SignedOut) -> None:
        for socket in self._sockets_of(session.user_id):
            if socket.claims is not None and socket.claims.auth_time == session.auth_time:
                self._close(socket, Close.SIGNED_OUT, _SIGNED_OUT)

    # All sessions of a user.

    async def read_anew(self) -> None:
        """End the sockets whose sessions have ended without a word.

        Raises:
            UnavailableError: the database cannot be reached.

        """
        users = list(self._people)
        for start in range(0, len(users), _USERS_AT_ONCE):
            epochs = await self._epochs(users[start : start + _USERS_AT_ONCE])
            for user_id, epoch in epochs.items():
                self._has_epoch(user_id, epoch)

    def _changed(self, user_id: UserId, change: Change) -> None:
        if isinstance(change.state, AccountState):
            self._has_epoch(user_id, change.state.session_epoch)

    def _has_epoch(self, user_id: UserId, now: int) -> None:
        """End what is older; an epoch only rises, and an older word may come late."""
        for socket in self._sockets_of(user_id):
            epoch = None if socket.claims is None else socket.claims.session_epoch
            if epoch is not None and epoch < now:
                self._close(socket, Close.SIGNED_OUT, _SIGNED_OUT)

    def _sockets_of(self, user_id: UserId) -> tuple[LiveSocket, ...]:
        person = self._people.get(user_id)
        return () if person is None else tuple(person.sockets)
