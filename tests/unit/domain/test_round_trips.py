"""Whatever can be said or kept is read as it was written: messages, replies, facts and states.

What they are made of is drawn by their types; a type that is not known here fails.
"""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from actors import State, encode
from actors.message import decode_message, reply_type
from tests.support import golden

# Instants as PostgreSQL keeps them: with a zone, to the microsecond.
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is drawn

DECADE = timedelta(days=3650)

MESSAGES = golden.words("message")
FACTS = golden.words("fact")
STATES = {each.__qualname__: each for each in State.__subclasses__()
          if each.__module__.startswith("ticketing.")}  # fmt: skip


def drawn(kind: inspect.Type) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911, PLR0912 - one for each type
    """Values of *kind*."""
    match kind:
        case inspect.Metadata():
            return drawn(kind.type)
        case inspect.AnyType():
            return st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=9)
        case inspect.NoneType():
            return st.none()
        case inspect.UnionType():
            return st.one_of(*map(drawn, kind.types))
        case inspect.StructType():
            fields = {
                each.name: drawn(each.type) | st.just(msgspec.UNSET)
                if isinstance(each.default, msgspec.UnsetType) else drawn(each.type)
                for each in kind.fields
            }  # fmt: skip
            return st.builds(kind.cls, **fields)
        case inspect.EnumType():
            return st.sampled_from(list(cast("type[Enum]", kind.cls)))
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.VarTupleType():
            return st.lists(drawn(kind.item_type), max_size=3).map(tuple)
        case inspect.TupleType():
            return st.tuples(*map(drawn, kind.item_types))
        case inspect.ListType():
            return st.lists(drawn(kind.item_type), max_size=3)
        case inspect.SetType() | inspect.FrozenSetType():
            return st.frozensets(drawn(kind.item_type), max_size=3)
        case inspect.DictType():
            return st.dictionaries(drawn(kind.key_type), drawn(kind.value_type), max_size=3)
        case inspect.StrType():
            return st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
        case inspect.BytesType():
            return st.binary(max_size=20)
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(-(2**63), 2**63 - 1)
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.DateTimeType():
            return INSTANTS
        case inspect.TimeDeltaType():
            return st.timedeltas(-DECADE, DECADE)
        case _:
            raise TypeError(f"nothing of {kind} can be drawn yet: say here what is to be")


def values(kind: Any) -> st.SearchStrategy[Any]:
    return drawn(inspect.type_info(kind))


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_and_its_reply(name: str) -> None:
    reply = reply_type(cast("Any", MESSAGES[name]))

    @settings(max_examples=20, deadline=None)
    @given(values(MESSAGES[name]), values(reply))
    def check(message: Any, answer: Any) -> None:
        assert decode_message(name, encode(message)) == message
        assert msgspec.json.decode(encode(answer), type=reply) == answer

    check()


@pytest.mark.parametrize(
    "kind", [*FACTS.values(), *STATES.values()], ids=lambda each: each.__name__
)
def test_a_fact_or_a_state(kind: type[msgspec.Struct]) -> None:
    @settings(max_examples=20, deadline=None)
    @given(values(kind))
    def check(value: Any) -> None:
        assert msgspec.json.decode(encode(value), type=kind) == value

    check()


def test_there_is_something_of_every_service() -> None:
    for services in ({name.partition(".")[0] for name in MESSAGES}, STATES):
        assert len(services) >= 5
