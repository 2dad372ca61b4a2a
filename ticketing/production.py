"""What has to be so where the money is real (`TICKETING_ENV=production`)."""

from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from ticketing.settings import Settings

__all__ = ["Rule", "rules"]

# Text that was meant to be replaced. Keys are drawn by chance: none of 44 letters has one of these
# in it but once in ten million.
_PLACEHOLDERS: Final = ("change", "default", "example", "password", "placeholder", "secret")

# Of the 16 letters that 32 hexadecimal ones are made of, seven at the most are seen once in a
# million keys; what somebody typed by holding a key down has one.
_LETTERS_MIN: Final = 8


class Rule(NamedTuple):
    """The name of a setting, whether it is fit, what is expected, and what is there otherwise."""

    name: str
    is_fit: bool
    expected: str
    got: str


def rules(settings: "Settings") -> Iterable[Rule]:
    """What production expects of *settings*."""
    stripe_got = "a test key" if settings.stripe_key else "none, which means the payment sandbox"
    yield Rule("STRIPE_KEY", settings.is_live, "a live key", stripe_got)
    test_page = settings.stripe_publishable_key.startswith("pk_test_")
    yield Rule("STRIPE_PUBLISHABLE_KEY", not test_page, "a live key", "a test key")
    yield Rule("TICKETING_RATE_LIMITS", settings.rate_limits, "on", "off")
    https = settings.public_url.startswith("https://")
    yield Rule("TICKETING_PUBLIC_URL", https, "an https origin", settings.public_url)
    yield from _secrets(settings)


def _secrets(settings: "Settings") -> Iterable[Rule]:
    """Each is there, was drawn by chance, and is for one purpose alone."""
    given = {
        "JWT_KEY": (settings.jwt_key,),
        "JWT_KEY_PREVIOUS": (settings.jwt_key_previous,),
        "SESSION_KEYS": settings.session_keys,
        "TICKETING_DATA_KEYS": settings.data_keys,
    }
    for name in ("JWT_KEY", "SESSION_KEYS", "TICKETING_DATA_KEYS"):
        yield Rule(name, any(given[name]), "a key", "none, which means a generated one")
    for name, secrets in given.items():
        guessable = any(map(_is_guessable, filter(None, secrets)))
        yield Rule(name, not guessable, "a key drawn by chance", "one that can be guessed")
    for one, other in combinations(given, 2):
        shared = set(filter(None, given[one])) & set(given[other])
        yield Rule(other, not shared, "a key of its own", f"the same as {one}")


def _is_guessable(secret: str) -> bool:
    said = secret.lower()
    return len(set(secret)) < _LETTERS_MIN or any(word in said for word in _PLACEHOLDERS)
