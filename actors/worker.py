"""Workers: what takes long or leaves the house, and therefore never runs inside a turn.

A turn records that something is *requested* and tells a worker. The worker does it - at least once,
with the idempotency key it was given - and tells the outcome; the message it consumed goes in the
same commit. A worker may also be asked, for work that nothing needs to remember (hashing).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from actors.actor import Handler, collect_handlers
from actors.errors import ActorError
from actors.message import Message
from actors.ref import Ref
from actors.turn import Sending

__all__ = ["Effect", "NotYetError", "Worker"]


class NotYetError(ActorError):
    """The effect could not be done, or nobody knows whether it was: try the message again later."""


@dataclass(slots=True)
class Effect:
    """What a worker's handler may see and do."""

    key: str
    now: datetime
    by: str | None
    may_be_repeat: bool
    """Whether this very message may have been begun before: by a process that died, or failing."""
    sends: list[Sending] = field(default_factory=list)

    def tell(self, ref: Ref, message: Message[Any], *, name: str | None = None) -> None:
        """Send *message* in the commit that ends this effect."""
        self.sends.append(Sending(ref, message, name, self.now))


class Worker:
    """One kind of worker. Handlers are marked and checked as an actor's are."""

    kind: ClassVar[str]
    service: ClassVar[str]
    concurrency: ClassVar[int]
    """How many effects run at once on a node, over all keys."""
    queue_size_max: ClassVar[int]
    """How many asks may wait; one more is refused. Durable messages wait in the inbox."""
    parks: ClassVar[bool] = True
    asks: ClassVar[tuple[str, ...]] = ()
    handlers: ClassVar[Mapping[type[Message[Any]], Handler]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.handlers = collect_handlers(cls)

    async def close(self) -> None:
        """Let go of connections and threads; nothing runs any more."""
