"""The handler table and the graph of asks: what is wrong is found before anything runs."""

from typing import Any

import pytest

from actors import (
    Actor,
    AskCycleError,
    Effect,
    HandlerError,
    Message,
    Service,
    State,
    TotalityError,
    Turn,
    Worker,
    decode_message,
    encode,
    handle,
    wire_name,
)
from actors.graph import check_ask_graph, check_totality
from actors.message import reply_type
from tests.support.counter import Add, Counter, CounterState, Courier, Deliver, Look


class Ping(Message[str], frozen=True, kw_only=True, tag="test_handlers.ping"):
    pass


class Blank(State, frozen=True, kw_only=True):
    def apply(self, fact: None) -> "Blank":
        del fact
        return self


def kind_asking(name: str, *asks: str) -> Actor[Any]:
    class Asking(Actor[Blank]):
        kind, service, table = name, "tickets", "blanks"

    Asking.asks = asks
    return Asking()


def test_every_handled_message_is_in_the_table_with_its_reply() -> None:
    assert Counter.handlers[Add].reply is int
    assert Counter.handlers[Add].creates
    assert not Counter.handlers[Look].creates
    assert Courier.handlers[Deliver].reply is type(None)
    assert Counter.state_type is CounterState


def test_a_handler_without_a_message_is_refused() -> None:
    with pytest.raises(HandlerError, match=r"Lost\.do needs a parameter message"):

        class Lost(Worker):
            @handle
            async def do(self, what: Ping, effect: Effect) -> str: ...


def test_a_handler_that_is_no_coroutine_function_is_refused() -> None:
    with pytest.raises(HandlerError, match=r"Hasty\.do must be async"):

        class Hasty(Worker):
            @handle  # type: ignore[type-var]
            def do(self, message: Ping, effect: Effect) -> str: ...


def test_a_message_handled_twice_is_refused() -> None:
    with pytest.raises(HandlerError, match="Twice handles Ping twice"):

        class Twice(Worker):
            @handle
            async def do(self, message: Ping, effect: Effect) -> str: ...

            @handle
            async def do_again(self, message: Ping, effect: Effect) -> str: ...


def test_a_handler_that_returns_something_else_than_its_message_says_is_refused() -> None:
    with pytest.raises(HandlerError, match=r"Wrong\.do must return <class 'str'>"):

        class Wrong(Actor[CounterState]):
            @handle
            async def do(self, message: Ping, turn: Turn[CounterState]) -> int: ...


def test_a_message_nobody_handles_is_found() -> None:
    class Half(Actor[CounterState]):
        kind, service, table = "half", "tickets", "counters"

        @handle
        async def look(self, message: Look, turn: Turn[CounterState]) -> int: ...

    with pytest.raises(TotalityError, match="nobody handles"):
        check_totality([Service(name="tickets", actors=[Half()])])


def test_a_message_two_kinds_handle_is_found() -> None:
    class Rival(Counter):
        kind = "rival"

    with pytest.raises(TotalityError, match="counter and rival"):
        check_totality([Service(name="tickets", actors=[Counter(), Rival()], workers=[Courier()])])


def test_all_counters_messages_are_handled() -> None:
    check_totality([Service(name="tickets", actors=[Counter()], workers=[Courier()])])


def test_asks_that_run_one_way_are_allowed() -> None:
    actors = [kind_asking("a", "b", "c"), kind_asking("b", "c"), kind_asking("c")]
    check_ask_graph([Service(name="tickets", actors=actors)])


@pytest.mark.parametrize(
    ("asks", "ring"),
    [
        ({"a": "a"}, "a -> a"),
        ({"a": "b", "b": "a"}, "a -> b -> a"),
        ({"x": "a", "a": "b", "b": "c", "c": "a"}, "a -> b -> c -> a"),
    ],
)
def test_asks_that_run_in_a_ring_are_refused(asks: dict[str, str], ring: str) -> None:
    actors = [kind_asking(kind, asked) for kind, asked in asks.items()]
    with pytest.raises(AskCycleError, match=f"^{ring}$"):
        check_ask_graph([Service(name="tickets", actors=actors)])


def test_a_ring_over_service_boundaries_is_found_too() -> None:
    services = [
        Service(name="one", actors=[kind_asking("a", "b")]),
        Service(name="two", actors=[kind_asking("b", "a")]),
    ]
    with pytest.raises(AskCycleError):
        check_ask_graph(services)


def test_a_message_survives_its_wire_form() -> None:
    message = Add(amount=7)
    assert decode_message(wire_name(Add), encode(message)) == message


def test_a_message_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(LookupError, match=r"nobody\.knows"):
        decode_message("nobody.knows", b"{}")


def test_a_message_says_what_its_reply_is() -> None:
    assert reply_type(Ping) is str
    assert reply_type(Deliver) is type(None)
