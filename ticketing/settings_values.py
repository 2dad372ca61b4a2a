"""How the text of one environment variable becomes one value.

Each function takes the text, already stripped and not empty, and returns the value or raises
`UnexpectedError` with what was expected and what was got. What was got is described, never quoted,
wherever the text may be a secret.
"""

import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Network: TypeAlias = IPv4Network | IPv6Network

JWT_SECRET_BYTES_MIN = (
    32  # HS256 signs with SHA-256; RFC 7518 asks for a key at least as long as the hash.
)

LIVE_KEYS = ("sk_live_", "rk_live_")
"""How secret keys of Stripe's begin that move real money."""

_DIGITS_MAX = 18  # What fits a 64-bit integer in the database; no setting comes near.
_PEM_PREFIX = "-----BEGIN"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UnexpectedError(ValueError):
    """A setting's text is not what it has to be; the caller knows the setting's name."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


def size(text: str) -> str:
    """How a secret is described in a message: by its length, never by its letters."""
    return f"{_length(text)} bytes"


def _length(text: str) -> int:
    # The environment may hold bytes that are not UTF-8; Python carries them as surrogates.
    return len(text.encode(errors="surrogateescape"))


def plain_text(text: str) -> str:
    return text


def path(text: str) -> Path:
    return Path(text).expanduser()


def whole_number(at_least: int, at_most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
        number = int(text) if plain else None
        if number is None or not at_least <= number <= at_most:
            raise UnexpectedError(f"a whole number from {at_least} to {at_most}", repr(text))
        return number

    return read


def seconds(at_most: float, at_least: float = 0.0) -> Callable[[str], float]:
    lowest = f"at least {at_least:g}" if at_least else "more than 0"

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        # Also refuses nan, which compares false with everything.
        if not (0 < number <= at_most and number >= at_least):
            raise UnexpectedError(f"seconds, {lowest} and at most {at_most:g}", repr(text))
        return number

    return read


def uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise UnexpectedError("a UUID", repr(text)) from None


def percent(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 <= number <= 100:  # noqa: PLR2004 - that is what per cent means
        raise UnexpectedError("a percentage from 0 to 100", repr(text))
    return number


def on_or_off(text: str) -> bool:
    if text not in ("on", "off"):
        raise UnexpectedError("on or off", repr(text))
    return text == "on"


def environment(text: str) -> Literal["development", "production"]:
    if text == "development":
        return "development"
    if text == "production":
        return "production"
    raise UnexpectedError("development or production", repr(text))


def log_format(text: str) -> Literal["console", "json"]:
    if text == "console":
        return "console"
    if text == "json":
        return "json"
    raise UnexpectedError("console or json", repr(text))


def url(*schemes: str) -> Callable[[str], str]:
    """A URL with one of the schemes; it may carry a password and is therefore never quoted."""
    expected = "a URL like " + " or ".join(f"{scheme}://host" for scheme in schemes)

    def read(text: str) -> str:
        if split(text, expected).scheme not in schemes:
            raise UnexpectedError(expected, f"another scheme ({size(text)})")
        return text

    return read


def urls(*schemes: str) -> Callable[[str], str]:
    """URLs of several servers that are one service, separated by commas."""
    read_one = url(*schemes)
    return lambda text: ",".join(read_one(each) for each in several(text))


def origin(text: str) -> str:
    """`scheme://host[:port]`, written the way browsers write it in an Origin header."""
    expected = "an origin like https://tickets.example.com, without path or user"
    parts = split(text, expected)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        raise UnexpectedError(expected, f"something else ({size(text)})")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UnexpectedError(expected, "a URL with a path, a query or a fragment")
    return origin_of(parts.scheme, parts.hostname, parts.port)


def origin_of(scheme: str, host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port in (None, _DEFAULT_PORTS[scheme]) else f":{port}")


def split(text: str, expected: str) -> SplitResult:
    """The parts of a URL; refuses what `urlsplit` cannot read, a port out of range included."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - looking at the port is what checks it
    except ValueError:
        raise UnexpectedError(expected, f"something unreadable ({size(text)})") from None
    return parts


def jwt_key(text: str) -> str:
    """An HS256 secret of 32 bytes or more, or a PEM private key on the curve P-256 (ES256)."""
    expected = f"{JWT_SECRET_BYTES_MIN} bytes or more, or a PEM private key on the curve P-256"
    if not text.startswith(_PEM_PREFIX):
        if _length(text) < JWT_SECRET_BYTES_MIN:
            raise UnexpectedError(expected, size(text))
        return text
    pem = text.replace("\\n", "\n")  # Many tools can only keep one line, and write line ends as \n.
    try:
        key = load_pem_private_key(pem.encode(errors="surrogateescape"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnexpectedError(expected, "PEM text that is no unencrypted private key") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise UnexpectedError(expected, "a PEM private key of another kind")
    return pem


def fernet_keys(text: str) -> tuple[str, ...]:
    """Comma-separated Fernet keys: the first encrypts, all decrypt."""
    keys = several(text)
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            expected = "comma-separated Fernet keys (44 URL-safe base64 characters each)"
            raise UnexpectedError(expected, f"an entry of {size(key)}") from None
    return keys


def prefixed(*prefixes: str) -> Callable[[str], str]:
    """A credential of Stripe's, which all say what they are in their first letters."""
    expected = "a value that starts with " + " or ".join(prefixes)

    def read(text: str) -> str:
        if not text.startswith(prefixes):
            raise UnexpectedError(expected, f"another start ({size(text)})")
        return text

    return read


def webhook_secrets(text: str) -> tuple[str, ...]:
    return tuple(prefixed("whsec_")(secret) for secret in several(text))


def networks(text: str) -> tuple[Network, ...]:
    """Comma-separated networks; a single address is a network of one."""
    expected = "networks like 10.0.0.0/8 or 2001:db8::7, separated by commas"

    def read(one: str) -> Network:
        try:
            return ip_network(one)
        except ValueError:  # Includes bits beyond the prefix: likely a typing error.
            raise UnexpectedError(expected, repr(one)) from None

    return tuple(read(one) for one in several(text))


def several(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise UnexpectedError("values separated by commas", "an empty one among them")
    return parts
