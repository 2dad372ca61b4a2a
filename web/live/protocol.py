"""What is said on `/ws`, apart from updates: the protocol `tickets.v1`.

Text frames with one JSON object each. Times are milliseconds of the server's clock. A client may
number what it asks (`id`), and the reply says the number again. Fields that are not known are
ignored, so that either side can be newer than the other.
"""

from enum import IntEnum
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from web.live import frames

__all__ = [
    "HEARTBEAT_SECONDS",
    "MESSAGES_BURST",
    "MESSAGES_PER_SECOND",
    "MESSAGE_BYTES_MAX",
    "NAME",
    "TOPICS_MAX",
    "Auth",
    "BadMessageError",
    "Close",
    "Ping",
    "Request",
    "Sub",
    "Unsub",
    "Wanted",
    "bye",
    "decode",
    "err",
    "gone",
    "heartbeat",
    "pong",
    "welcome",
]

NAME: Final = "tickets.v1"

HEARTBEAT_SECONDS: Final = 20
"""Usual proxies let go of what is silent for 60 s; a client takes 10 s more for a broken line."""

TOPICS_MAX: Final = 64  # A page shows one event or a few tickets; an overview a screen of them.
MESSAGES_PER_SECOND: Final = 10  # A person subscribes by clicking.
MESSAGES_BURST: Final = 30  # A page that loads, and its five pings for the clock.
MESSAGE_BYTES_MAX: Final = 8_192  # 64 topics with their cursors.

_NAME_CHARACTERS_MAX: Final = 128  # `admin:actor:{kind}:{key}` is the longest that means anything.
_CURSOR_CHARACTERS_MAX: Final = 64
_TOKEN_CHARACTERS_MAX: Final = 4_096
_NUMBER_MAX: Final = 2**53 - 1  # What JavaScript counts with.

_Number: TypeAlias = Annotated[int, Meta(ge=0, le=_NUMBER_MAX)]
_Name: TypeAlias = Annotated[str, Meta(max_length=_NAME_CHARACTERS_MAX)]


class Close(IntEnum):
    """Why a socket is closed; the range says what the client is to do about it."""

    # 4000-4099: do not reconnect.
    UNAUTHORIZED = 4001
    FORBIDDEN = 4003
    TOO_MANY = 4009
    SIGNED_OUT = 4010
    # 4100-4199: come back, and later each time.
    OVERLOADED = 4101
    TOO_SLOW = 4102
    RATE_LIMITED = 4103
    # 4200-4299: come back after `afterSeconds`.
    DRAINING = 4200
    SESSION_ENDED = 4202

    @property
    def retry(self) -> bool:
        return self >= Close.OVERLOADED


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="op"):
    id: _Number | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A topic, and where the client was when it last heard of it."""

    topic: _Name
    since: Annotated[str, Meta(max_length=_CURSOR_CHARACTERS_MAX)] | None = None


class Sub(_Message, frozen=True, kw_only=True, tag="sub"):
    topics: Annotated[list[Wanted], Meta(max_length=TOPICS_MAX)]


class Unsub(_Message, frozen=True, kw_only=True, tag="unsub"):
    topics: Annotated[list[_Name], Meta(max_length=TOPICS_MAX)]


class Ping(_Message, frozen=True, kw_only=True, tag="ping"):
    t0: int | float | None = None


class Auth(_Message, frozen=True, kw_only=True, tag="auth"):
    token: Annotated[str, Meta(max_length=_TOKEN_CHARACTERS_MAX)]


Request: TypeAlias = Sub | Unsub | Ping | Auth

_decoder: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Request)
_encode: Final = msgspec.json.Encoder().encode


class _Numbered(msgspec.Struct, frozen=True):
    id: _Number | None = None


class BadMessageError(ValueError):
    """The message is none of ours; the text says what is wrong with it."""

    def __init__(self, why: str, message_id: int | None) -> None:
        super().__init__(why)
        self.message_id = message_id


def decode(text: str) -> Request:
    """The request in *text*.

    Raises:
        BadMessageError: it is none.

    """
    try:
        request: Request = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise BadMessageError(str(error), _number_in(text)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise BadMessageError("Not JSON, or nested too deeply", None) from None
    return request


def _number_in(text: str) -> int | None:
    """The number of a request that is wrong in some other place."""
    try:
        return msgspec.json.decode(text, type=_Numbered).id
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def welcome(*, conn: str, now: int, user_id: str | None, reply_id: int | None = None) -> bytes:
    return _message(
        op="welcome",
        id=reply_id,
        conn=conn,
        proto=NAME,
        now=now,
        heartbeatSeconds=HEARTBEAT_SECONDS,
        user=_OrNull(None if user_id is None else {"id": user_id}),
        limits={
            "topics": TOPICS_MAX,
            "messagesPerSecond": MESSAGES_PER_SECOND,
            "bytes": MESSAGE_BYTES_MAX,
        },
    )


def pong(request: Ping, *, received: int, sent: int) -> bytes:
    return _message(op="pong", id=request.id, t0=request.t0, t1=received, t2=sent)


def heartbeat(now: int) -> bytes:
    return _message(op="hb", now=now)


def gone(topic: str, code: str, *, retry: bool) -> bytes:
    return _message(op="gone", topic=topic, code=code, retry=retry)


def err(
    code: str,
    message: str,
    *,
    reply_id: int | None = None,
    topic: str | None = None,
    retry: bool = False,
    after_seconds: float | None = None,
) -> bytes:
    """*topic* is the one that was asked for, where a request names several."""
    return _message(
        op="err",
        id=reply_id,
        code=code,
        message=message,
        topic=topic,
        retry=retry,
        afterSeconds=after_seconds,
    )


def bye(code: Close, reason: str, *, after_seconds: float | None = None) -> bytes:
    """The last message, and the frame that closes the socket."""
    message = _message(
        op="bye", code=int(code), reason=reason, retry=code.retry, afterSeconds=after_seconds
    )
    return message + frames.close(code, reason)


class _OrNull:
    """A value that is said even when it is None."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _message(**fields: Any) -> bytes:
    """A frame with those of *fields* that say something."""
    said = {
        name: value.value if isinstance(value, _OrNull) else value
        for name, value in fields.items()
        if value is not None
    }
    return frames.text(_encode(said))
