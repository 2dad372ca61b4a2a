"""Asks between nodes: how they are written, and both their ends.

A node is asked at its own subject and told the partition and the epoch that it is thought to own;
it answers only for what it owns, and *moved* otherwise. So an asker with an old route makes a
detour, and a node that was declared dead, whose successor has another id, is never asked for it.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
import structlog

from actors.clock import Clock
from actors.doing import doing
from actors.error_wire import Failure, Refusal, failure, refusal
from actors.errors import (
    ActorError,
    ExpiredError,
    HeldError,
    MovedError,
    RefusalError,
    UnavailableError,
)
from actors.link import Link, UnansweredError
from actors.mailbox import AskId, Envelope
from actors.message import Message, decode_message, encode, reply_type, wire_name
from actors.placement import Placement
from actors.ref import Ref
from actors.store import Owner

__all__ = ["Asked", "Here", "Reception", "ask_there", "subject"]

log = structlog.get_logger("actors.remote")

# Two nodes' clocks are as far apart as their heartbeats were under way.
CLOCKS_APART_MAX: Final = timedelta(seconds=1)


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """An ask, as it goes over the line. The message is JSON, as it is everywhere."""

    partition: int
    epoch: int
    kind: str
    key: str
    name: str
    message: bytes
    seconds: float
    """How long the asker still waits."""
    by: str | None = None
    ask_id: AskId | None = None
    fresh: bool = False
    request_id: str | None = None
    until: datetime | None = None
    """The same as an instant of the database's time: what was long on its way is not done."""


class _Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    reply: bytes


class _Moved(msgspec.Struct, frozen=True, array_like=True, tag="moved"):
    pass


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack_asked: Final = msgspec.msgpack.Decoder(Asked).decode
_unpack_answer: Final = msgspec.msgpack.Decoder(_Done | _Moved | Refusal | Failure).decode

_MOVED: Final = _pack(_Moved())


def subject(node: str) -> str:
    """Where *node* is asked."""
    return f"node.{node}"


async def ask_there(
    link: Link,
    owner: Owner,
    partition: int,
    envelope: Envelope,
    *,
    seconds: float,
    now: datetime,
    fresh: bool,
) -> Any:
    """One try to have *envelope* answered by *owner*, within so many *seconds* from *now* on.

    Raises:
        MovedError: it is not there any more, or not for now; nothing was done.
        UndeliveredError: the node was not reached; nothing was done.
        UnansweredError: nobody knows whether it was done.
        RefusalError: what the actor decided.
        ActorError: what the machinery there failed with.

    """
    message = envelope.message
    asked = Asked(
        partition=partition,
        epoch=owner.epoch,
        kind=envelope.ref.kind,
        key=envelope.ref.key,
        name=wire_name(type(message)),
        message=encode(message),
        seconds=seconds,
        by=envelope.by,
        ask_id=envelope.ask_id,
        fresh=fresh,
        request_id=envelope.request_id,
        until=now + timedelta(seconds=seconds),
    )
    answer = _unpack_answer(await link.request(subject(owner.node), _pack(asked), timeout=seconds))
    if isinstance(answer, _Done):
        return msgspec.json.decode(answer.reply, type=reply_type(type(message)))
    if isinstance(answer, _Moved):
        raise MovedError
    error = answer.error()
    if isinstance(error, (UnavailableError, ExpiredError)) and not isinstance(error, HeldError):
        # The node could not, and its successor can: so this is as good as no answer.
        if error.executed == "no":
            raise MovedError(str(error))
        raise UnansweredError(str(error))
    raise error


class Here(Protocol):
    """How an envelope is answered on this very node."""

    def __call__(self, envelope: Envelope, *, fresh: bool) -> Awaitable[Any]: ...


class Reception:
    """Answers the asks of other nodes."""

    def __init__(
        self, placement: Placement, clock: Clock, here: Here, on_unknown: Callable[[], None]
    ) -> None:
        self._placement = placement
        self._clock = clock
        self._here = here
        self._on_unknown = on_unknown

    async def answer(self, body: bytes) -> bytes:
        """The answer to an `Asked`."""
        try:
            asked = _unpack_asked(body)
            message = decode_message(asked.name, asked.message)
        except (LookupError, ValueError) as error:  # Of a release that knows more than this one.
            log.warning("ask.unreadable", why=str(error))
            return _pack(failure(ActorError("This node does not understand the message")))
        if not self._owns(asked):
            return _MOVED
        try:
            reply = await self._here(self._envelope(asked, message), fresh=asked.fresh)
        except MovedError:
            return _MOVED
        except RefusalError as error:
            return _pack(refusal(error))
        except ActorError as error:
            return _pack(failure(error))
        return _pack(_Done(encode(reply)))

    def _owns(self, asked: Asked) -> bool:
        if not self._placement.accepts(asked.partition):
            self._on_unknown()
            return False
        return self._placement.epochs[asked.partition] == asked.epoch

    def _envelope(self, asked: Asked, message: Message[Any]) -> Envelope:
        doing.set(None)
        seconds = asked.seconds
        if asked.until is not None:
            left = asked.until + CLOCKS_APART_MAX - self._clock.now()
            seconds = min(seconds, left.total_seconds())
        envelope = Envelope(
            Ref(asked.kind, asked.key),
            message,
            by=asked.by,
            deadline=self._clock.monotonic() + seconds,
            ask_id=asked.ask_id,
        )
        envelope.request_id = asked.request_id
        return envelope
