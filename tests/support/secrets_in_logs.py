"""What must not be in a log, as patterns, and a reader of logs that looks for it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Finding", "secrets_in"]

# How the passwords of nearly all tests begin.
_PASSWORDS: Final = rb"correct[ ]horse|wrong[ ]horse"

# What begins like this names a secret if more follows than the beginning.
_SECRETS: Final = re.compile(
    rb"""
    (?P<api_key> \b [sr]k_(?:test|live)_ \w+ )
    | (?P<webhook_secret> \b whsec_ \w+ )
    | (?P<client_secret> \b (?:pi|seti) _ [A-Za-z0-9]+ _secret_ \w+ )
    | (?P<card_token> \b (?:tok|pm|ctoken|src) _ [A-Za-z0-9] \w+ )
    | (?P<token> \b eyJ [\w-]{10,} \. [\w-]{10,} )
    | (?P<sealed> \b gAAAAA [\w-]{40,} )
    | (?P<reset_link> /reset\# [\w-]{20,} )
    | (?P<signature> \b v1= [0-9a-f]{64} )
    | (?P<private_key> -----BEGIN [ ] [A-Z ]* PRIVATE [ ] KEY----- )
    | (?P<password> """
    + _PASSWORDS
    + rb""" )
    | (?P<database_password> \b postgres(?:ql)?:// [^\s/:@"]+ : [^\s/@"]+ @ )
    """,
    re.VERBOSE,
)

# Thirteen to nineteen digits, in one or in groups of four, that begin as cards do; not the
# beginning of a UUID.
_DIGITS: Final = re.compile(
    rb"(?<![\w.:+-]) [2-6]\d{3} (?:[ -]?\d{4}){2} [ -]?\d{1,7} (?![\w-]|[.:]\d)", re.VERBOSE
)

# A log of a minute is some megabytes; more of it at a time would be kept for nothing.
_LINE_SHOWN: Final = 160


class Finding(NamedTuple):
    """Something that must not be there, with what stands around it."""

    where: str
    what: str
    line: str


def secrets_in(log: Path) -> Iterator[Finding]:
    """Everything in *log* that looks like a secret."""
    with log.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            for what, start in _found(line):
                shown = line[max(start - 60, 0) :][:_LINE_SHOWN].decode(errors="replace").strip()
                yield Finding(f"{log.name}:{number}", what, shown)


def _found(line: bytes) -> Iterator[tuple[str, int]]:
    for match in _SECRETS.finditer(line):
        assert match.lastgroup is not None
        yield match.lastgroup, match.start()
    for match in _DIGITS.finditer(line):
        digits = [int(digit) for digit in match[0].decode() if digit.isdigit()]
        if _luhn(digits) == 0:
            yield "card_number", match.start()


def _luhn(digits: list[int]) -> int:
    """The check sum of a card number: 0 for one that can exist (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[::-2]) + sum(doubled)) % 10
