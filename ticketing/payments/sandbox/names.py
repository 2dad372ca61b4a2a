"""Ids as Stripe makes them: a prefix that tells what it names, and 24 letters and digits."""

import secrets
import string
from typing import Final

__all__ = ["new", "new_request"]

LENGTH: Final = 24

_LETTERS: Final = string.ascii_letters + string.digits


def new(start: str) -> str:
    """A new id that begins with *start*."""
    return start + "".join(secrets.choice(_LETTERS) for _ in range(LENGTH))


def new_request() -> str:
    """The id of a request."""
    return f"req_{secrets.token_hex(7)}"
