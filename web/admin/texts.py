"""What errors say, without what is secret or personal in it.

An error's text is not a struct with marked fields: it may repeat an e-mail address, since accounts
are called by it, or the row that the database refused.
"""

import re
from typing import Final

__all__ = ["cleaned"]

_MARKS: Final = (
    # What PostgreSQL says of a row that it refuses: all of its columns.
    (re.compile(r"^(DETAIL:\s*).*$", re.MULTILINE), r"\1(personal)"),
    (re.compile(r"[^\s@/'\"<>(),;:]+@[^\s@/'\"<>(),;:]+"), "(personal)"),
    (re.compile(r"\$argon2[^\s'\"]+"), "(secret)"),
    (re.compile(r"\b\w+_secret_\w+"), "(secret)"),
    (re.compile(r"\bgAAAA[\w=-]{20,}"), "(secret)"),  # Sealed text.
)


def cleaned(text: str) -> str:
    """*text* without e-mail addresses, hashes, client secrets and sealed text."""
    for pattern, mark in _MARKS:
        text = pattern.sub(mark, text)
    return text
