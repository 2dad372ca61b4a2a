"""What is over though its tokens are sound: known to every gateway, asked at every request.

A request costs two look-ups in memory and no read. What has ended comes here in three ways: from
this very process, before the one who ended it is answered; from the others, in the time that a word
takes over the bus; and from the rows that are written about it (`ticketing.auth.endings`), which
are read when this process starts, when the bus may have missed something, and every two seconds
anyhow. So what ended elsewhere is over here within `EVERY_SECONDS`, whatever the bus does.

Until the rows have been read for the first time, nobody is taken for anybody.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog

from actors import Bus, Change, Clock, UnavailableError
from actors.link import Link
from ticketing import topics
from ticketing.auth import AccountState, endings
from ticketing.auth.endings import Ending, News
from ticketing.auth.tokens import Claims
from ticketing.values import UserId

__all__ = ["EVERY_SECONDS", "Revocations"]

log = structlog.get_logger("web.revocations")

EVERY_SECONDS: Final = 2.0

_FORGET_EVERY_SECONDS: Final = 600.0

_SUBJECT: Final = "signed-out"

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(Ending).decode


@dataclass(slots=True)
class _Ended:
    """What of a user's is over."""

    epoch: int = 0
    """Tokens with an older one."""
    at: datetime = _NEVER
    """When that was; and tokens that have none, if they were issued by then."""
    sessions: dict[str, datetime] = field(default_factory=dict)


class Revocations:
    """The sessions that have ended lately; *link* leads to the other gateways."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        *,
        since: Callable[[datetime | None], Awaitable[News]],
        write: Callable[[UserId, str], Awaitable[None]],
        forget: Callable[[], Awaitable[None]],
        link: Link | None,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._since = since
        self._write = write
        self._forget_rows = forget
        self._link = link
        self._ended: dict[UserId, _Ended] = {}
        self._newest: datetime | None = None
        self._is_read = False
        self._forgot_at = clock.monotonic()
        self.on_end: Callable[[UserId], None] = lambda _: None
        """Is called with whose sessions, one or all, have ended."""

    def cover(self, claims: Claims) -> bool:
        """Whether the session of *claims* is over.

        Raises:
            UnavailableError: nobody knows, since it has never been read.

        """
        if not self._is_read:
            raise UnavailableError("Which sessions have ended has not been read yet")
        ended = self._ended.get(claims.user_id)
        if ended is None:
            return False
        if claims.session_id in ended.sessions:
            return True
        if claims.session_epoch is None:
            return claims.issued_at <= ended.at
        return claims.session_epoch < ended.epoch

    async def end(self, claims: Claims) -> None:
        """The session of *claims* is over: here now, elsewhere in a moment, and for good.

        Raises:
            UnavailableError: it is over in the processes that run, but that is not written down.

        """
        ending = Ending(user_id=claims.user_id, session=claims.session_id, at=self._clock.now())
        self._take(ending)
        if self._link is not None:
            self._link.cast(_SUBJECT, _pack(ending))
        await self._write(claims.user_id, claims.session_id)

    def all_ended(self, account: AccountState) -> None:
        """All sessions of *account* but those of its epoch are over; that is written down."""
        self._take(
            Ending(user_id=account.user_id, epoch=account.session_epoch, at=self._clock.now())
        )

    async def open(self) -> None:
        """Hear from now on what ends elsewhere, and read what has ended already."""
        self._bus.watch(topics.ENDINGS, self._changed)
        if self._link is not None:
            await self._link.listen(_SUBJECT, self._heard)
        await self._try_to_read()

    async def run(self) -> None:
        """Go on reading, until cancelled."""
        while True:
            await self._clock.sleep(EVERY_SECONDS)
            await self._try_to_read()

    async def read_anew(self) -> None:
        """Learn what was missed.

        Raises:
            UnavailableError: the database cannot be reached.

        """
        news = await self._since(self._newest)
        self._newest = news.newest
        for ending in news.endings:
            self._take(ending)
        self._is_read = True

    async def forget(self) -> None:
        """Let go of what ended so long ago that no token is left of it."""
        over = self._clock.now() - endings.REMEMBERED
        for user_id, ended in tuple(self._ended.items()):
            for session, at in tuple(ended.sessions.items()):
                if at < over:
                    del ended.sessions[session]
            if not ended.sessions and ended.at < over:
                del self._ended[user_id]
        await self._forget_rows()

    async def _try_to_read(self) -> None:
        try:
            await self.read_anew()
            if self._clock.monotonic() - self._forgot_at >= _FORGET_EVERY_SECONDS:
                self._forgot_at = self._clock.monotonic()
                await self.forget()
        except UnavailableError as error:
            log.warning("endings.not_read", why=str(error))  # Soon again.

    def _changed(self, change: Change) -> None:
        if isinstance(change.state, AccountState):
            self.all_ended(change.state)

    def _heard(self, body: bytes) -> None:
        """Another gateway says who has signed out."""
        try:
            self._take(_unpack(body))
        except msgspec.DecodeError as error:
            log.warning("word.unreadable", why=str(error))

    def _take(self, ending: Ending) -> None:
        """An epoch only rises, and an older word may come late."""
        ended = self._ended.setdefault(ending.user_id, _Ended())
        if ending.session is not None and ending.session not in ended.sessions:
            ended.sessions[ending.session] = ending.at
        elif ending.epoch is not None and ending.epoch > ended.epoch:
            ended.epoch, ended.at = ending.epoch, ending.at
        else:
            return
        self.on_end(ending.user_id)
