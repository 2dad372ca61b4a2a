"""Whose sockets they are: what ends with a session.

Which sessions are over is known elsewhere (`web.revocations`): signing out ends one; a new
password, signing out everywhere or a role that is taken away end all of a user's. Whatever it was,
and wherever it was done, the sockets that end here are those whose own session it was.
"""

from typing import Final, Protocol

from ticketing.values import UserId
from web.live.protocol import Close
from web.live.socket import LiveSocket
from web.revocations import Revocations

__all__ = ["People"]

_SIGNED_OUT: Final = "signed out"


class _Closer(Protocol):
    def __call__(self, socket: LiveSocket, code: Close, reason: str) -> None: ...


class People:
    """The users who have sockets open here."""

    def __init__(self, close: _Closer, revocations: Revocations) -> None:
        self._close = close
        self._revocations = revocations
        self._sockets: dict[UserId, set[LiveSocket]] = {}
        revocations.on_end = self._look_at

    def enter(self, socket: LiveSocket) -> None:
        if socket.user_id is not None:
            self._sockets.setdefault(socket.user_id, set()).add(socket)

    def leave(self, socket: LiveSocket) -> None:
        user_id = socket.user_id
        sockets = None if user_id is None else self._sockets.get(user_id)
        if user_id is None or sockets is None:
            return
        sockets.discard(socket)
        if not sockets:
            del self._sockets[user_id]

    def end_if_over(self, socket: LiveSocket) -> None:
        """Say goodbye to *socket* if its session is over."""
        if socket.claims is not None and self._revocations.cover(socket.claims):
            self._close(socket, Close.SIGNED_OUT, _SIGNED_OUT)

    def _look_at(self, user_id: UserId) -> None:
        for socket in tuple(self._sockets.get(user_id, ())):
            self.end_if_over(socket)
