"""Reset links: who has one may set a password, once, within an hour.

The token is 256 random bits, so its plain SHA-256 can be stored and searched for: there is nothing
to be guessed that a slow hash would protect.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Final

__all__ = ["LIFETIME", "hash_token", "new_token"]

LIFETIME: Final = timedelta(hours=1)
"""Time to send it and to be read; somebody who is late asks for another."""

_TOKEN_BYTES: Final = 32


def new_token() -> str:
    """A token that nobody guesses, of characters that need no care in an address."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def hash_token(token: str) -> str:
    """What is stored of *token*."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
