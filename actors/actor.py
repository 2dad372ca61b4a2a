"""The base of every actor, and the handler table that is checked when a class is defined.

    class Ticket(Actor[TicketState]):
        kind, service, table, asks = "ticket", "tickets", "tickets", ()

        @handle
        async def reserve(self, message: Reserve, turn: Turn[TicketState]) -> Reservation: ...

A handler decides from `turn.state`, records, and returns its reply. There is one instance of a
class a node, without any state of its own: what distinguishes one ticket from another is in the
turn.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_type_hints, overload

from actors.message import Message, State, reply_type

__all__ = ["Actor", "Handler", "HandlerError", "collect_handlers", "handle"]

S = TypeVar("S", bound=State)
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

# A crowd on one ticket is normal here: two thousand buyers wait at most half a second or so, and
# the two thousand and first is better told at once than kept waiting.
MAILBOX_SIZE_MAX = 2000


class HandlerError(TypeError):
    """A handler table is not what it must be; found when the class is defined."""


@dataclass(frozen=True, slots=True)
class Handler:
    """One row of a handler table."""

    function: Callable[..., Awaitable[Any]]
    message: type[Message[Any]]
    reply: Any
    creates: bool


@overload
def handle(function: F) -> F: ...
@overload
def handle(*, creates: bool) -> Callable[[F], F]: ...
def handle(function: F | None = None, *, creates: bool = False) -> F | Callable[[F], F]:
    """Mark a method as the handler of the message its second parameter is annotated with.

    *creates*: it may meet an actor that does not exist yet. Without it such a message is refused
    with `NotFoundError` before the handler runs.
    """

    def mark(function: F) -> F:
        function.__handles__ = creates  # type: ignore[attr-defined] # how a decorator marks
        return function

    return mark if function is None else mark(function)


def collect_handlers(owner: type[object]) -> dict[type[Message[Any]], Handler]:
    """The handler table of *owner*.

    Raises:
        HandlerError: a marked method has no message, two take the same one, or one returns
            something else than its message says.

    """
    table: dict[type[Message[Any]], Handler] = {}
    for name, function in inspect.getmembers(owner, inspect.isfunction):
        creates = getattr(function, "__handles__", None)
        if creates is None:
            continue
        if not inspect.iscoroutinefunction(function):
            raise HandlerError(f"{owner.__name__}.{name} must be async")
        hints = get_type_hints(function)
        message = hints.get("message")
        if not (isinstance(message, type) and issubclass(message, Message)):
            raise HandlerError(f"{owner.__name__}.{name} needs a parameter message: <a Message>")
        if message in table:
            raise HandlerError(f"{owner.__name__} handles {message.__name__} twice")
        promised = reply_type(message)
        if hints.get("return") != (type(None) if promised is None else promised):
            raise HandlerError(
                f"{owner.__name__}.{name} must return {promised}, got {hints.get('return')}"
            )
        table[message] = Handler(function, message, promised, creates)
    return table


class Actor(Generic[S]):
    """One kind of actor. Subclasses say which with the class variables below."""

    kind: ClassVar[str]
    service: ClassVar[str]
    table: ClassVar[str]
    asks: ClassVar[tuple[str, ...]] = ()
    """The kinds this one may wait for; over all actors they must form no cycle."""
    mailbox_size_max: ClassVar[int] = MAILBOX_SIZE_MAX
    parks: ClassVar[bool] = True
    """Whether a message that keeps failing is set aside; False retries it for ever."""

    handlers: ClassVar[Mapping[type[Message[Any]], Handler]]
    state_type: ClassVar[type[State]]
    fact_type: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.handlers = collect_handlers(cls)
        (cls.state_type,) = get_args(cls.__orig_bases__[0])  # type: ignore[attr-defined] # typing's own
        cls.fact_type = get_type_hints(cls.state_type.apply)["fact"]

    def blank(self, key: str) -> S:
        """The state of an actor that has recorded nothing."""
        return self.state_type(id=key)  # type: ignore[return-value] # S is state_type
