"""The rules of single fields, shared by all request types.

A field's type says what it may be, its `Rule` what else has to hold; both show in the OpenAPI
document. A rule returns the value to keep, so that trimming has one place.
"""

import re
import zoneinfo
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta

from ticketing.auth import passwords
from ticketing.events import Category
from ticketing.values import CURRENCIES, minor
from web import instants

__all__ = [
    "CategoryName",
    "Credential",
    "Currency",
    "Delivery",
    "Email",
    "Id",
    "InstantText",
    "Limit",
    "NewPassword",
    "Place",
    "Price",
    "PriceBound",
    "Reason",
    "Rule",
    "TimeZone",
    "Title",
    "Token",
    "Words",
    "is_id",
]

TITLE_CHARACTERS_MAX: Final = 200
REASON_CHARACTERS_MAX: Final = 500  # A paragraph for whoever reads the audit log later.
PLACE_CHARACTERS_MAX: Final = 100  # "Upper tier, north, behind the goal" and then some.
DELIVERY_CHARACTERS_MAX: Final = 2_000
WORDS_CHARACTERS_MAX: Final = 200  # A search for more than a whole title finds nothing.
TOKEN_CHARACTERS_MAX: Final = 255
ID_CHARACTERS_MAX: Final = 255  # What a token's `sub` may be at most.
EMAIL_CHARACTERS_MAX: Final = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets.

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_EMAIL: Final = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@.,;<>()\"]+")
_ID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TOKEN: Final = re.compile("[A-Za-z0-9_.:-]+")
_LINE: Final = re.compile("[^\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ANYTHING: Final = re.compile(".+", re.DOTALL)
_BOUND: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """What has to hold, in words that follow the field's name, and the check that says so.

    *check* returns the value to keep. It raises ValueError for the words in *expects*, or a
    `RefusalError` that says it better.
    """

    expects: str
    check: Callable[[Any], Any]


def is_id(text: str) -> bool:
    """Whether *text* can be the id of anything here; if not, there is no such thing."""
    return _ID.fullmatch(text) is not None


def _line(characters_max: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        trimmed = text.strip()
        if not 0 < len(trimmed) <= characters_max or _CONTROL.search(text):
            raise ValueError
        return trimmed

    return check


def _delivery(text: str) -> str:
    if not 0 < len(text) <= DELIVERY_CHARACTERS_MAX or _CONTROL_IN_TEXT.search(text):
        raise ValueError
    return text


def _email(text: str) -> str:
    # Printable, so that it can go into a token; nothing else is trimmed or changed.
    if len(text) > EMAIL_CHARACTERS_MAX or not text.isprintable() or not _EMAIL.fullmatch(text):
        raise ValueError
    return text


def _new_password(text: str) -> str:
    passwords.check(text)
    return text


def _price(price: float | str) -> float | str:
    # With the most decimals that any currency has; the ticket's own are judged when it is known.
    minor(price, "usd")
    return price


def _one_of(names: Container[str]) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError
        return name

    return check


def _instant(text: str) -> str:
    instants.parse(text)
    return text


@cache
def _time_zones() -> frozenset[str]:
    """All IANA time zones. Reads some hundred small files, so once and not at import."""
    return frozenset(zoneinfo.available_timezones())


def _time_zone(name: str) -> str:
    if name not in _time_zones():
        raise ValueError
    return name


def _matching(pattern: re.Pattern[str], characters_max: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text) > characters_max or not pattern.fullmatch(text):
            raise ValueError
        return text

    return check


def _line_of(characters_max: int) -> Rule:
    expects = f"must be 1 to {characters_max} characters without control characters"
    return Rule(expects, _line(characters_max))


Title: TypeAlias = Annotated[
    str,
    Meta(extra_json_schema={"minLength": 1, "maxLength": TITLE_CHARACTERS_MAX}),
    _line_of(TITLE_CHARACTERS_MAX),
]
Place: TypeAlias = Annotated[
    str,
    Meta(extra_json_schema={"minLength": 1, "maxLength": PLACE_CHARACTERS_MAX}),
    _line_of(PLACE_CHARACTERS_MAX),
]
Reason: TypeAlias = Annotated[
    str,
    Meta(
        description="Why, for the audit log",
        extra_json_schema={"minLength": 1, "maxLength": REASON_CHARACTERS_MAX},
    ),
    _line_of(REASON_CHARACTERS_MAX),
]
Price: TypeAlias = Annotated[
    int | float | str,
    Meta(
        description='In major units: 20, 19.99 or "19.99"',
        extra_json_schema={"examples": [20, "19.99"]},
    ),
    Rule("must be a number greater than 0", _price),
]
Currency: TypeAlias = Annotated[
    str,
    Meta(extra_json_schema={"enum": sorted(CURRENCIES)}),
    Rule("must be a supported currency code such as usd, in lower case", _one_of(CURRENCIES)),
]
Delivery: TypeAlias = Annotated[
    str,
    Meta(
        description="The code, the link, how to get in; encrypted at rest",
        extra_json_schema={"minLength": 1, "maxLength": DELIVERY_CHARACTERS_MAX},
    ),
    Rule(f"must be 1 to {DELIVERY_CHARACTERS_MAX} characters of text", _delivery),
]
Email: TypeAlias = Annotated[
    str,
    Meta(extra_json_schema={"format": "email", "maxLength": EMAIL_CHARACTERS_MAX}),
    Rule("must be valid", _email),
]
NewPassword: TypeAlias = Annotated[
    str,
    Meta(extra_json_schema={"minLength": 8, "maxLength": 128}),
    Rule("must be between 8 and 128 characters", _new_password),
]
Credential: TypeAlias = Annotated[str, Rule("is required", _matching(_ANYTHING, 4_096))]
Id: TypeAlias = Annotated[str, Rule("must be an id", _matching(_LINE, ID_CHARACTERS_MAX))]
Token: TypeAlias = Annotated[
    str,
    Meta(
        description="A Stripe payment method, confirmation token or tok_...",
        extra_json_schema={"pattern": f"^{_TOKEN.pattern}$", "maxLength": TOKEN_CHARACTERS_MAX},
    ),
    Rule("must be a payment method or token", _matching(_TOKEN, TOKEN_CHARACTERS_MAX)),
]
Words: TypeAlias = Annotated[
    str,
    Meta(extra_json_schema={"maxLength": WORDS_CHARACTERS_MAX}),
    Rule(
        f"must be 1 to {WORDS_CHARACTERS_MAX} characters without control characters",
        _matching(_LINE, WORDS_CHARACTERS_MAX),
    ),
]
PriceBound: TypeAlias = Annotated[
    str,
    Meta(extra_json_schema={"pattern": f"^{_BOUND.pattern}$"}),
    Rule("must be a price in plain decimals", _matching(_BOUND, 19)),
]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=100), Rule("must be from 1 to 100", int)]
CategoryName: TypeAlias = Annotated[
    str,
    Meta(extra_json_schema={"enum": [category.value for category in Category]}),
    Rule(f"must be one of {', '.join(Category)}", Category),
]
InstantText: TypeAlias = Annotated[
    str,
    Meta(
        description="ISO 8601, with Z or the distance from UTC",
        extra_json_schema={"format": "date-time"},
    ),
    Rule("must be an instant such as 2026-01-31T18:00:00Z", _instant),
]
TimeZone: TypeAlias = Annotated[
    str,
    Meta(description="The venue's IANA time zone", extra_json_schema={"examples": ["Europe/Oslo"]}),
    Rule("must be an IANA time zone such as Europe/Oslo", _time_zone),
]
