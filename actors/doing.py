"""What is being done at the moment: a request is answered, or a message is handled.

One variable of the context holds it. Log lines look at it, so that each says what it belongs to
without anybody handing that through; and what is sent meanwhile remembers who sent it. It is set
once a turn, and not looked at until a line is written or a message is sent.
"""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol

from actors.ref import Ref

if TYPE_CHECKING:
    from actors.tracing import Span

__all__ = ["Doing", "doing", "named"]


class Doing(Protocol):
    """A request, or a message that is handled."""

    request_id: str | None
    """Of the request that this is done for, as far as anybody here knows."""
    span: "Span | None"
    """Its part of the trace, while it lasts and if traces are on."""

    def described(self) -> dict[str, str]:
        """What a log line says of it."""
        ...


doing: Final[ContextVar[Doing | None]] = ContextVar("doing", default=None)
"""None: what the runtime does by itself."""


def named(ref: Ref) -> str:
    """What *ref* is called in logs and traces: a key that is an e-mail address is somebody's."""
    return f"{ref.kind}/(personal)" if "@" in ref.key else str(ref)
