"""Passwords: Argon2id, and which ones are refused.

Hashing takes some 25 ms and 19 MiB, on purpose: call it in a thread (see `hasher`), never in the
event loop. Hashes are stored as PHC strings, which carry their parameters, so that these can be
raised one day without touching what is stored.
"""

import re
import secrets
from importlib import resources
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from actors import RefusalError

__all__ = ["COMMON", "PasswordRefusedError", "check", "hash_password", "verify_password"]

# The least that the OWASP Password Storage Cheat Sheet recommends for Argon2id.
_MEMORY_KIB: Final = 19_456
_ITERATIONS: Final = 2
_LANES: Final = 1
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32

_CHARACTERS_MIN: Final = 8
_CHARACTERS_MAX: Final = 128  # Long enough for a sentence, short enough to be no burden.

# The hash of a random password that nobody kept. Verified against where there is no account, so
# that an unknown e-mail address takes as long as a wrong password.
_DUMMY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$aGDC/iJ+Ss2IvFhSQwvBLw$"
    "DbKWCirjQdqt2zYA9wu2PVpfgqJjMqVqGU2mcRIpO2k"
)

# At least 8 bytes of salt and 16 of hash: with a shorter hash, wrong passwords would soon fit.
_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,5}),t=([0-9]),p=([0-9])"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}",
)

# What a stored hash may cost to verify: a row that somebody edited must not take all memory. The
# parameters that other libraries use by default are within.
_MEMORY_KIB_MAX: Final = 65_536
_ITERATIONS_MAX: Final = 4
_LANES_MAX: Final = 4


class PasswordRefusedError(RefusalError):
    """Password must be between 8 and 128 characters."""

    code = "invalid_password"
    field = "password"


def check(password: str) -> None:
    """Whether *password* may be used as a new one. Nothing is trimmed; any characters will do.

    There is no rule about kinds of characters: length and not being common is what helps
    (NIST SP 800-63B, section 3.1.1.2).

    Raises:
        PasswordRefusedError: too short, too long, among the most common, or not text.

    """
    if not _CHARACTERS_MIN <= len(password) <= _CHARACTERS_MAX:
        raise PasswordRefusedError
    if "\0" in password or any("\ud800" <= character <= "\udfff" for character in password):
        raise PasswordRefusedError("Password has a character in it that is not text")
    if password.casefold() in COMMON:
        raise PasswordRefusedError("Password is among the most common ones")


def hash_password(password: str) -> str:
    """The Argon2id hash of *password* with a new salt, as a PHC string. Blocks for some 25 ms."""
    return Argon2id(
        salt=secrets.token_bytes(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_ITERATIONS,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    ).derive_phc_encoded(_encoded(password))


def verify_password(password: str, phc: str | None) -> bool:
    """Whether *password* belongs to the hash *phc*. Blocks for some 25 ms.

    Without a hash, or with one that is not a sound Argon2id PHC string, it is False and takes as
    long as with one.
    """
    sound = phc is not None and _affordable(phc)
    stored = phc if phc is not None and sound else _DUMMY
    try:
        Argon2id.verify_phc_encoded(_encoded(password), stored)
    except (InvalidKey, ValueError):  # ValueError: parameters that the library does not take.
        return False
    return sound


def _affordable(phc: str) -> bool:
    found = _PHC.fullmatch(phc)
    if found is None:
        return False
    memory, iterations, lanes = (int(number) for number in found.groups())
    return (
        1 <= lanes <= _LANES_MAX
        and 1 <= iterations <= _ITERATIONS_MAX
        and 8 * lanes <= memory <= _MEMORY_KIB_MAX
    )


def _encoded(password: str) -> bytes:
    # A lone surrogate is refused in a new password; in a wrong one it must not be an error.
    return password.encode("utf-8", "surrogatepass")


def _read_common() -> frozenset[str]:
    text = resources.files(__package__).joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


COMMON: Final = _read_common()
"""The most common passwords of 8 characters and more, case-folded."""
