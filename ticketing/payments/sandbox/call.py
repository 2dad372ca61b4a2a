"""One request that changes something, and what comes of it."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from ticketing.payments.sandbox.books import Books, Entry
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.shapes import Json

__all__ = ["Call", "Change", "Outcome"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The request. *now* is in Unix seconds, *name* is the id in the address."""

    form: Form
    now: int
    request_id: str
    name: str | None = None
    key: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, and what the request changed. `kept`: execution had begun."""

    body: Json
    status: int = 200
    effect: Entry = Entry()
    kept: bool = True


Change: TypeAlias = Callable[[Books, Call], Outcome]
