"""Where the runtime tells of its work, if somebody wants traces: a span a turn, and what is in it.

The runtime has a `Tracer` or none, and without one all this costs a look at that. What is sent
carries the sender's span in memory and nowhere else. So a trace ends where a process does: a
message that was found in the inbox begins a trace of its own, and one that was put there for later
- a timer, or another try - is linked to the turn that put it, if this process still knows it.
"""

from asyncio import Future
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from actors.doing import doing
from actors.store import Commit, InboxRow, Outcome

if TYPE_CHECKING:
    from actors.mailbox import Envelope

__all__ = ["Note", "Span", "SpanKind", "Tracer", "begun", "committed", "end", "outcome"]

Note: TypeAlias = str | int | float | bool | Sequence[str]

SpanKind: TypeAlias = Literal["inside", "server", "client"]


class Span(Protocol):
    """A piece of work, from when it was begun."""

    def note(self, name: str, value: Note) -> None: ...

    def fail(self, why: str) -> None:
        """Say that it did not work."""
        ...

    def end(self) -> None: ...

    @property
    def ids(self) -> tuple[str, str]:
        """Its trace and itself, in hex."""
        ...


class Tracer(Protocol):
    """Begins spans; whoever asked for one ends it. Returns at once and raises nothing."""

    def turn(self, envelope: "Envelope") -> Span:
        """A span for the handling of *envelope*: inside that of its sender, or linked to it."""
        ...

    def begin(
        self, name: str, parent: Span | None, *, kind: SpanKind = "inside", **notes: Note
    ) -> Span:
        """A span inside *parent*; without one it begins a trace."""
        ...

    def linked(self, name: str, traceparent: str | None, **notes: Note) -> Span:
        """A span that begins a trace for somebody outside, linked to what they say is theirs."""
        ...

    def keep(self, rows: Iterable[InboxRow]) -> None:
        """Remember that what is being done put *rows* into the inbox, for later."""
        ...


def begun(tracer: Tracer, name: str, *, kind: SpanKind = "inside", **notes: Note) -> Span | None:
    """A span inside of what is being done; None if that is in no trace."""
    now = doing.get()
    if now is None or now.span is None:
        return None
    return tracer.begin(name, now.span, kind=kind, **notes)


async def committed(tracer: Tracer, commit: Commit, submitted: "Future[Outcome]") -> Outcome:
    """What becomes of *commit*, with a span for the time that takes: waiting, then writing."""
    tracer.keep(row for row in commit.sends if row.due_at > commit.at)
    span = begun(
        tracer,
        "commit",
        facts=[fact.name for fact in commit.facts],
        sends=[row.message for row in commit.sends],
    )
    if span is None:
        return await submitted
    try:
        found = await submitted
        span.note("outcome", found.value)
    finally:
        span.end()
    return found


def outcome(found: str) -> None:
    """Note how the handling of the message ended that is being handled."""
    now = doing.get()
    if now is not None and now.span is not None:
        now.span.note("actor.outcome", found)
        if found == "crashed":
            now.span.fail(found)


def end() -> None:
    """The message that was being handled is done with."""
    now = doing.get()
    if now is not None and now.span is not None:
        now.span.end()
        now.span = None
