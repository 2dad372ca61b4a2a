"""A bounded mailbox with two lanes: what is durable and due goes before what is asked.

Durable messages need no bound of their own, because they wait in the inbox anyway. Asks are
bounded: a full mailbox refuses at once and never makes a sender wait.
"""

import asyncio
from collections import deque
from typing import Any, NamedTuple

from actors.doing import doing, named
from actors.errors import OverloadedError, RefusalError
from actors.message import Message, wire_name
from actors.ref import Ref
from actors.store import InboxRow
from actors.tracing import Span

__all__ = ["AskId", "Envelope", "Mailbox"]


class AskId(NamedTuple):
    """Names one ask from outside, so that a retry gets the first answer.

    *digest* is of what was asked: the same id with another digest is refused.
    """

    id: str
    digest: str
    is_own: bool = False
    """Made by the runtime for an ask to another node: of a turn that changed nothing no answer is
    kept, because to look again is as good."""
    is_first: bool = False
    """Whether it was never sent before, so that nothing can have been answered to it."""


class Envelope:
    """A message on its way to an actor or worker, and what the runtime must know about it."""

    __slots__ = ("ask_id", "by", "deadline", "message", "parent", "queued_at", "ref", "reply",
                 "request_id", "row", "span")  # fmt: skip

    def __init__(
        self,
        ref: Ref,
        message: Message[Any],
        *,
        by: str | None = None,
        deadline: float = float("inf"),
        reply: "asyncio.Future[Any] | None" = None,
        row: InboxRow | None = None,
        ask_id: AskId | None = None,
    ) -> None:
        self.ref = ref
        self.message = message
        self.by = by
        self.deadline = deadline
        """On the monotonic clock, in seconds; after it nobody waits for the answer."""
        self.reply = reply
        self.row = row
        self.ask_id = ask_id
        self.queued_at: float | None = None
        """When it came into the mailbox, on the monotonic clock; noted only if somebody looks."""
        sender = doing.get()
        self.request_id: str | None = None if sender is None else sender.request_id
        self.parent: Span | None = None if sender is None else sender.span
        """The sender's part of the trace, if traces are on."""
        self.span: Span | None = None
        """Its own, while it is handled."""

    def described(self) -> dict[str, str]:
        """What a log line says that is written while it is handled."""
        said = {"actor": named(self.ref), "message": wire_name(type(self.message))}
        if self.row is not None:
            said["message_id"] = self.row.id
        if self.request_id is not None:
            said["request_id"] = self.request_id
        if self.span is not None:
            said["trace_id"], said["span_id"] = self.span.ids
        return said

    def answer(self, value: Any) -> None:
        """Hand the reply over, unless the asker has gone."""
        if self.reply is not None and not self.reply.done():
            self.reply.set_result(value)

    def fail(self, error: Exception) -> None:
        """Hand the failure over. A "no" is an answer and goes without its traceback.

        That leads back to this envelope, and thousands of such rings a second would keep the
        garbage collector busy.
        """
        if isinstance(error, RefusalError):
            error.__traceback__ = None
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(error)


class Mailbox:
    """First in, first out, in two lanes.

    An empty lane is None: a hundred thousand actors are idle, and two empty queues of each would
    take more memory than their states.
    """

    __slots__ = ("_asked", "_due", "size_max")

    def __init__(self, size_max: int) -> None:
        self.size_max = size_max
        self._due: deque[Envelope] | None = None
        self._asked: deque[Envelope] | None = None

    def __len__(self) -> int:
        return len(self._due or ()) + len(self._asked or ())

    def put(self, envelope: Envelope) -> None:
        """Take *envelope* in.

        Raises:
            OverloadedError: as many asks are waiting as are worth waiting for.

        """
        if envelope.row is not None:
            if self._due is None:
                self._due = deque()
            self._due.append(envelope)
            return
        if self._asked is None:
            self._asked = deque()
        if len(self._asked) >= self.size_max:
            raise OverloadedError(f"{envelope.ref} has {self.size_max} messages waiting")
        self._asked.append(envelope)

    def waiting(self) -> list[Envelope]:
        """All that waits, in the order in which it will be taken."""
        return [*(self._due or ()), *(self._asked or ())]

    def take(self) -> Envelope:
        """The next message: due ones first.

        Raises:
            LookupError: there is none.

        """
        if self._due is not None:
            envelope = self._due.popleft()
            if not self._due:
                self._due = None
            return envelope
        if self._asked is None:
            raise LookupError("the mailbox is empty")
        envelope = self._asked.popleft()
        if not self._asked:
            self._asked = None
        return envelope
