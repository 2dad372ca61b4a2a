"""A kind of actor, and a kind of worker, that are as simple as they can be: a sum, and an errand.

`LIMIT` refuses, `CRASH` raises, and any other amount is added.
"""

from datetime import timedelta
from typing import ClassVar, Final, TypeAlias

from msgspec.structs import replace

from actors import (
    Actor,
    AppendedRow,
    Effect,
    Fact,
    Message,
    Ref,
    RefusalError,
    State,
    Turn,
    Worker,
    handle,
)

__all__ = [
    "CRASH",
    "LIMIT",
    "SERVICES",
    "Add",
    "Added",
    "Counter",
    "CounterState",
    "Courier",
    "Deliver",
    "Forget",
    "LimitError",
    "Look",
    "Mark",
    "Noted",
    "Remind",
    "Send",
    "counter",
    "courier",
]

# As they are stored, so that partitions have the same numbers in every store.
SERVICES: Final = ("auth", "tickets", "orders", "expiration", "payments")

LIMIT: Final = 1000
CRASH: Final = -1


class LimitError(RefusalError):
    """That would be too much."""

    code = "limit"


class Add(Message[int], frozen=True, kw_only=True, tag="counter.add"):
    """Add *amount*; the total."""

    amount: int = 1


class Look(Message[int], frozen=True, kw_only=True, tag="counter.look"):
    """The total."""


class Remind(Message[None], frozen=True, kw_only=True, tag="counter.remind"):
    """Add *amount* after *seconds*."""

    name: str = "reminder"
    seconds: float
    amount: int = 1


class Forget(Message[None], frozen=True, kw_only=True, tag="counter.forget"):
    """Cancel the reminder *name*."""

    name: str = "reminder"


class Send(Message[int], frozen=True, kw_only=True, tag="counter.send"):
    """Take *amount* off, and have the counter *to* add it: at once, or by a courier."""

    to: str
    amount: int = 1
    name: str | None = None
    by_courier: bool = False


class Deliver(Message[None], frozen=True, kw_only=True, tag="courier.deliver"):
    """Take *amount* to the counter *to*."""

    to: str
    amount: int = 1


class Added(Fact, frozen=True, kw_only=True, tag="counter.added"):
    amount: int


class Noted(Fact, frozen=True, kw_only=True, tag="counter.noted"):
    note: str


class Mark(AppendedRow, frozen=True, kw_only=True):
    """A row for each amount that came."""

    table: ClassVar[str] = "marks"

    key: str
    total: int


CounterFact: TypeAlias = Added | Noted


class CounterState(State, frozen=True, kw_only=True):
    """A sum; one row of `counters`."""

    total: int = 0
    note: str = ""

    def apply(self, fact: CounterFact) -> "CounterState":
        if isinstance(fact, Added):
            return replace(self, total=self.total + fact.amount)
        return replace(self, note=fact.note)


def counter(key: str) -> Ref:
    return Ref("counter", key)


def courier(key: str) -> Ref:
    return Ref("courier", key)


class Counter(Actor[CounterState]):
    """One sum."""

    kind, service, table, asks = "counter", "tickets", "counters", ()

    @handle(creates=True)
    async def add(self, message: Add, turn: Turn[CounterState]) -> int:
        if turn.state.total + message.amount > LIMIT:
            raise LimitError
        turn.record(Added(amount=message.amount))
        if message.amount == CRASH:
            raise RuntimeError("crashed on request")
        turn.append(Mark(key=turn.key, total=turn.state.total))
        return turn.state.total

    @handle
    async def look(self, message: Look, turn: Turn[CounterState]) -> int:  # noqa: ARG002
        return turn.state.total

    @handle(creates=True)
    async def remind(self, message: Remind, turn: Turn[CounterState]) -> None:
        at = turn.now + timedelta(seconds=message.seconds)
        turn.schedule(message.name, at, Add(amount=message.amount))

    @handle(creates=True)
    async def forget(self, message: Forget, turn: Turn[CounterState]) -> None:
        turn.cancel(message.name)

    @handle(creates=True)
    async def send(self, message: Send, turn: Turn[CounterState]) -> int:
        turn.record(Added(amount=-message.amount))
        if message.by_courier:
            deliver = Deliver(to=message.to, amount=message.amount)
            turn.tell(courier(turn.key), deliver, name=message.name)
        else:
            turn.tell(counter(message.to), Add(amount=message.amount), name=message.name)
        return turn.state.total


class Courier(Worker):
    """Takes amounts from one counter to another."""

    kind, service, concurrency, queue_size_max = "courier", "orders", 2, 2

    @handle
    async def deliver(self, message: Deliver, effect: Effect) -> None:
        effect.tell(counter(message.to), Add(amount=message.amount))
