"""One turn: a message handled from beginning to end, atomically.

A handler reads `turn.state`, decides, and records facts; each is applied at once, so what the
handler reads next includes it. Everything else it wants - messages to others, timers, rows - is
collected. Nothing happens until the handler has returned and the commit has succeeded.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from actors.message import Fact, Message, State
from actors.ref import Ref

__all__ = ["AppendedRow", "Asker", "DirtyAskError", "Sending", "Turn", "UndeclaredAskError"]

S = TypeVar("S", bound=State)
R = TypeVar("R")


class DirtyAskError(Exception):
    """A handler asked after it had recorded or sent something. Ask while clean, tell after."""


class UndeclaredAskError(Exception):
    """A handler asked a kind that its class does not name in `asks`."""


class AppendedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of an insert-only table, written in the commit of the turn that appends it."""

    table: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Sending:
    """A message on its way out of a turn. Named ones replace their namesake at the receiver."""

    ref: Ref
    message: Message[Any]
    name: str | None
    due_at: datetime


Asker = Callable[["Turn[Any]", Ref, Message[Any]], Awaitable[Any]]


class Turn(Generic[S]):
    """What a handler may see and do."""

    __slots__ = (
        "_asker",
        "attempts",
        "before",
        "by",
        "cancels",
        "deadline",
        "facts",
        "now",
        "ref",
        "rows",
        "sends",
        "state",
    )

    def __init__(
        self,
        ref: Ref,
        state: S,
        *,
        now: datetime,
        by: str | None,
        deadline: float,
        attempts: int,
        asker: Asker,
    ) -> None:
        self.ref = ref
        self.before = state
        self.state = state
        self.now = now
        """The database's time as the node knows it; the only clock a handler may look at."""
        self.by = by
        """The user on whose behalf this happens, if any."""
        self.deadline = deadline
        self.attempts = attempts
        """How often this very message has failed before."""
        self.facts: list[Fact] = []
        self.sends: list[Sending] = []
        self.cancels: list[str] = []
        self.rows: list[AppendedRow] = []
        self._asker = asker

    @property
    def key(self) -> str:
        return self.ref.key

    @property
    def exists(self) -> bool:
        """Whether the actor has ever recorded anything, this turn included."""
        return self.state.version > 0

    @property
    def is_clean(self) -> bool:
        return not (self.facts or self.sends or self.cancels or self.rows)

    def record(self, fact: Fact) -> None:
        """Note *fact*; `state` has it from now on."""
        applied = self.state.apply(fact)
        if not self.facts:
            applied = replace(applied, version=self.before.version + 1)
        self.state = applied
        self.facts.append(fact)

    def tell(self, ref: Ref, message: Message[Any], *, name: str | None = None) -> None:
        """Send *message* once this turn is durable, and do not wait."""
        if name is not None:
            self._forget(ref, name)
        self.sends.append(Sending(ref, message, name, self.now))

    def schedule(self, name: str, at: datetime, message: Message[Any]) -> None:
        """Send *message* to this actor at *at*: late after an outage, never early, never lost.

        Replaces a timer of the same name.
        """
        self._forget(self.ref, name)
        self.sends.append(Sending(self.ref, message, name, at))

    def cancel(self, name: str) -> None:
        """Drop the timer of that name, if there is one."""
        self._forget(self.ref, name)
        self.cancels.append(name)

    def append(self, row: AppendedRow) -> None:
        """Add *row* to its insert-only table."""
        self.rows.append(row)

    async def ask(self, ref: Ref, message: Message[R]) -> R:
        """Ask another actor and wait for its reply, which is durable when it comes.

        Raises:
            DirtyAskError: this turn has already recorded or sent something.
            UndeclaredAskError: the class does not declare the receiver's kind in `asks`.
            RefusalError: what the other actor decided.
            ActorError: the other actor could not be reached or did not answer in time.

        """
        if not self.is_clean:
            raise DirtyAskError(f"{self.ref} asked {ref} after it had written")
        reply: R = await self._asker(self, ref, message)
        return reply

    def _forget(self, ref: Ref, name: str) -> None:
        """The last word on a named message of one turn is the only one."""
        self.sends = [send for send in self.sends if (send.ref, send.name) != (ref, name)]
        if ref == self.ref:
            self.cancels = [other for other in self.cancels if other != name]
