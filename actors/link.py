"""The line between nodes: questions with one answer, and words that may get lost.

A link promises little, and says exactly how much. An answer to a *request* was given by whoever
listens at the subject. Without one, either nobody can have heard the question
(`UndeliveredError`), or nobody knows (`UnansweredError`). A *cast* is heard by everybody who
listens, once at most, and in the order in which one node sent them; nobody learns that it was lost.
Nothing is kept for later: what is sent while the line is down is not sent.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

__all__ = ["Answerer", "Link", "Listener", "UnansweredError", "UndeliveredError"]

Listener = Callable[[bytes], None]
"""Is called with each cast, in order; returns at once."""

Answerer = Callable[[bytes], Awaitable[bytes]]
"""Answers a request; each in a task of its own, and none waits for another."""


class UndeliveredError(Exception):
    """Nobody listens there, or the line is down: the question was certainly not heard."""


class UnansweredError(Exception):
    """No answer came in time, or the line broke: whether the question was heard, nobody knows."""


class Link(Protocol):
    """One node's end of the line. Nothing here blocks; what is called is called in the loop."""

    @property
    def is_up(self) -> bool:
        """Whether others can be reached, as far as is known."""
        ...

    async def open(self) -> None:
        """Begin to connect, and go on trying until `close`: returns at once if nobody is there."""
        ...

    async def close(self) -> None:
        """Stop listening, let out what was answered, and go."""
        ...

    async def request(self, subject: str, body: bytes, *, timeout: float) -> bytes:
        """The answer of whoever answers at *subject*.

        Raises:
            UndeliveredError: certainly nobody heard it.
            UnansweredError: no answer within *timeout* seconds, or the line broke meanwhile.

        """
        ...

    def give_up(self, subject: str) -> None:
        """Nobody will answer at *subject* any more: who waits for it gets `UnansweredError` now."""
        ...

    async def answer(self, subject: str, answerer: Answerer) -> Callable[[], None]:
        """Have *answerer* answer at *subject*, until what this returns is called.

        When it returns, others can reach it within a moment; also after the line broke and came
        back.
        """
        ...

    def cast(self, subject: str, body: bytes) -> None:
        """Tell all who listen at *subject*; lost if the line is down."""
        ...

    async def listen(self, subject: str, listener: Listener) -> Callable[[], None]:
        """Have *listener* hear what is cast to *subject*, until what this returns is called."""
        ...

    def when_back(self, callback: Callable[[], None]) -> None:
        """Have *callback* called whenever the line is there again: casts may have been missed."""
        ...
