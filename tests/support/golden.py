"""The stored words: one encoded example of every message and every fact.

    python -m tests.support.golden

adds an example for each word, and each field, that the golden files do not have yet; what they have
stays as it is, because rows written long ago look like that.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import inspect

import ticketing.bootstrap as everything
from actors import Fact, Message, encode, wire_name
from actors.message import messages

__all__ = ["FILES", "Golden", "example", "read", "words"]

Golden = dict[str, dict[str, Any]]
Word = TypeVar("Word", bound=msgspec.Struct)

_FOLDER: Final = Path(__file__).parents[1] / "unit" / "golden"
FILES: Final = {"message": _FOLDER / "messages.json", "fact": _FOLDER / "facts.json"}

_INSTANT: Final = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def words(what: str) -> dict[str, type[msgspec.Struct]]:
    """All messages, or all facts, of the domain by their wire names."""
    assert everything.SERVICES
    found = messages(cast("type[Message[Any]]", Message)) if what == "message" else _facts(Fact)
    return {wire_name(each): each for each in found if each.__module__.startswith("ticketing.")}


def _facts(base: type[Fact]) -> Iterator[type[Fact]]:
    for fact in base.__subclasses__():
        yield fact
        yield from _facts(fact)


def read(what: str) -> Golden:
    return cast("Golden", json.loads(FILES[what].read_text()))


def example(word: type[msgspec.Struct]) -> dict[str, Any]:
    """*word* with a value in every field, as it is stored."""
    return cast("dict[str, Any]", json.loads(encode(_value(inspect.type_info(word), ""))))


def _value(kind: inspect.Type, name: str) -> Any:  # noqa: C901, PLR0911 - one for each type
    match kind:
        case inspect.Metadata():
            return _value(kind.type, name)
        case inspect.UnionType():
            some = [each for each in kind.types if not isinstance(each, _NOTHING)]
            return _value(some[0], name)
        case inspect.StructType():
            return kind.cls(**{each.name: _value(each.type, each.name) for each in kind.fields})
        case inspect.EnumType():
            return next(iter(cast("type[Enum]", kind.cls)))
        case inspect.VarTupleType() | inspect.ListType():
            return (_value(kind.item_type, name),)
        case inspect.DictType():
            return {f"some {name}": _value(kind.value_type, name)}
        case inspect.StrType():
            return f"some {name}"
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return 7
        case inspect.DateTimeType():
            return _INSTANT
        case inspect.TimeDeltaType():
            return timedelta(minutes=15)
        case _:
            raise TypeError(f"no example of {kind} yet: add one here")


_NOTHING: Final = (
    (inspect.NoneType, inspect.UnsetType) if hasattr(inspect, "UnsetType") else (inspect.NoneType,)
)


def _write(what: str) -> None:
    golden = read(what) if FILES[what].exists() else {}
    for name, word in words(what).items():
        golden[name] = example(word) | golden.get(name, {})
    FILES[what].write_text(json.dumps(golden, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    for each in FILES:
        _write(each)
