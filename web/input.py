"""From untrusted JSON or a query string to one typed, checked struct; or to all that is wrong.

Every field is judged on its own, so that an answer names each rule that the input breaks and not
only the first.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT

from actors import RefusalError
from web.fields import Rule
from web.refusals import Fault, InvalidInputError

__all__ = ["Input", "Reader", "parse_json"]

T = TypeVar("T", bound="Input")

# PostgreSQL has no U+0000, and lone surrogates are no text in any encoding.
_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")

_NAME_SHOWN_CHARACTERS: Final = 64  # What is echoed of a name that we do not know.


class Input(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename="camel",
):
    """What a request says; camelCase outside."""

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> Iterable[Fault]:
        """What is wrong between fields. *given* are those that are in order by themselves."""
        del given
        return ()


class _Field:
    """One field: what it may be and what else has to hold."""

    __slots__ = ("name", "required", "rule", "shown", "type")

    def __init__(self, field: msgspec.structs.FieldInfo, hint: Any) -> None:
        self.name = field.name
        self.shown = field.encode_name
        self.type = hint
        self.rule = _rule(hint)
        self.required = field.default is NODEFAULT and field.default_factory is NODEFAULT

    def read(self, value: object, *, strict: bool) -> Any:
        """The value to keep.

        Raises:
            ValueError: it is not; the message is for the caller.
            RefusalError: the same.

        """
        expects = self.rule.expects if self.rule is not None else "is not valid"
        if isinstance(value, str) and _NO_TEXT.search(value):
            raise ValueError(f"{self.shown} has a character in it that is not text")
        try:
            converted = msgspec.convert(value, self.type, strict=strict)
            if self.rule is not None and converted is not None:
                converted = self.rule.check(converted)
        except ValueError:  # Includes msgspec's own.
            raise ValueError(f"{self.shown} {expects}") from None
        return converted


class Reader(Generic[T]):
    """Reads one kind of input. Made once, at start."""

    def __init__(self, kind: type[T], *, strict: bool = True) -> None:
        hints = get_type_hints(kind, include_extras=True)
        self._kind = kind
        self._strict = strict
        self._fields = [_Field(field, hints[field.name]) for field in msgspec.structs.fields(kind)]
        self._names = frozenset(field.shown for field in self._fields)

    def read(self, data: Mapping[str, object]) -> T:
        """The input that *data* is.

        Raises:
            InvalidInputError: with an entry for each rule that it breaks.

        """
        faults: list[Fault] = []
        given: dict[str, Any] = {}
        for field in self._fields:
            if field.shown not in data:
                if field.required:
                    faults.append(Fault(f"{field.shown} is required", field.shown))
                continue
            try:
                given[field.name] = field.read(data[field.shown], strict=self._strict)
            except (ValueError, RefusalError) as fault:
                faults.append(Fault(str(fault).removesuffix("."), field.shown))
        faults.extend(self._unknown(data))
        faults.extend(self._kind.check(given))
        if faults:
            raise InvalidInputError(faults)
        return self._kind(**given)

    def _unknown(self, data: Mapping[str, object]) -> Iterator[Fault]:
        for name in data.keys() - self._names:
            # Never echo what may not even be text, or be a page long.
            shown = name[:_NAME_SHOWN_CHARACTERS].encode("ascii", "backslashreplace").decode()
            yield Fault(f"{shown} is not a field here", shown)


def parse_json(body: bytes) -> dict[str, object]:
    """The JSON object in *body*.

    Raises:
        InvalidInputError: it is not UTF-8, not JSON (RFC 8259), not an object, or names a field
            twice.

    """
    try:
        value = _decode(body.decode())
    except (ValueError, RecursionError):
        raise InvalidInputError([Fault("The body is not valid JSON")]) from None
    if not isinstance(value, dict):
        raise InvalidInputError([Fault("The body must be a JSON object")])
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a field is there twice")
    return value


def _not_json(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


# The standard library's decoder and not msgspec's: that one lets the last of two fields win.
_decode: Final[Callable[[str], object]] = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_not_json
).decode


def _rule(hint: Any) -> Rule | None:
    if get_origin(hint) is Annotated:
        return next((extra for extra in hint.__metadata__ if isinstance(extra, Rule)), None)
    return next(filter(None, map(_rule, get_args(hint))), None)
