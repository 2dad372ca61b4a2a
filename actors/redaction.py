"""Secret and personal fields: marked where a type is declared, and not shown to those who look.

    Secret = Annotated[str, redact("secret")]

    class SignUp(Message[None], frozen=True, kw_only=True, tag="auth.sign_up"):
        password_hash: Secret
        email: Personal | None = None

A mark changes nothing of what is stored or sent. Only `redacted` heeds it: whatever an operator is
shown of a state, a fact or a message goes through here. What must be hidden is known by its type
and never by its contents, so there is nothing to forget where it is shown.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec

from actors.message import decode_message

__all__ = ["UNREADABLE", "mark_of", "marks", "redact", "redacted", "redacted_message"]

UNREADABLE: Final = "(unreadable)"
"""Stands for what no release of ours has written, or a later one."""

_KEY: Final = "redact"


def redact(why: str) -> msgspec.Meta:
    """The mark of a field that is *why*, in one word: "secret", "personal"."""
    return msgspec.Meta(extra={_KEY: why})


def redacted(struct: msgspec.Struct) -> dict[str, Any]:
    """The fields of *struct* as plain data, with "(secret)" and the like for those that are marked.

    What a marked field does not hold, None or an empty text, is no secret.
    """
    hidden = marks(type(struct))
    fields = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    return {
        name: f"({hidden[name]})" if name in hidden and value else _plain(value)
        for name, value in fields
        if value is not msgspec.UNSET
    }


def redacted_message(name: str, body: bytes) -> dict[str, Any] | str:
    """The message that is stored as *body* under its wire *name*; `UNREADABLE` if it is not one."""
    try:
        return redacted(decode_message(name, body))
    except (LookupError, ValueError):
        return UNREADABLE


@cache
def marks(struct: type[msgspec.Struct]) -> Mapping[str, str]:
    """The fields of *struct* that are marked, and why."""
    hints = get_type_hints(struct, include_extras=True)
    found = {name: mark_of(hints[name]) for name in struct.__struct_fields__}
    return {name: why for name, why in found.items() if why is not None}


def mark_of(hint: Any) -> str | None:
    """Why *hint* is marked, itself or any part of it, as in `Secret | None`; None: it is not."""
    if get_origin(hint) is Annotated:
        for each in hint.__metadata__:
            if isinstance(each, msgspec.Meta) and each.extra and _KEY in each.extra:
                return str(each.extra[_KEY])
    return next((why for part in get_args(hint) if (why := mark_of(part)) is not None), None)


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return redacted(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return msgspec.to_builtins(value)
