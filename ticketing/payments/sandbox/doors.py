"""Who may ask for what: secret keys, publishable keys, and pages of other origins."""

import binascii
from base64 import b64decode
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from aiohttp import web

from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["READABLE", "Key", "check", "preflight"]

_SECRET_KEYS: Final = ("sk_test_", "rk_test_")
_PUBLISHABLE_KEYS: Final = ("pk_test_",)

# What a browser asks for with the key that every visitor of the page has.
_PUBLISHABLE: Final = ("retrieve", "confirmation_token")


READABLE: Final = {"Access-Control-Allow-Origin": "*"}
"""A page of any origin may read what its publishable key is good for, as with Stripe."""


class Key(Enum):
    """What a request has shown."""

    NONE = auto()
    """Nothing: it is for who knows a client secret."""
    PUBLISHABLE = auto()
    SECRET = auto()


def check(request: web.Request, pairs: Iterable[tuple[str, str]], operation: str) -> Key:
    """Bearer, or Basic with the key as the user name; any test key will do.

    A browser may also give its publishable key as the parameter `key`.

    Raises:
        Refusal: 401.

    """
    if operation == "authenticate":
        return Key.NONE
    key = _given(request) or dict(pairs).get("key", "")
    if not key:
        raise Refusal("You did not provide an API key.", status=401)
    if key.startswith(_PUBLISHABLE_KEYS):
        if operation in _PUBLISHABLE:
            return Key.PUBLISHABLE
        raise Refusal(
            "This API call cannot be made with a publishable API key.",
            status=401,
            code="secret_key_required",
        )
    if not key.startswith(_SECRET_KEYS) or not _given(request):
        # Not even a part of it is repeated: it may be a live one.
        raise Refusal("Invalid API Key provided.", status=401, code="api_key_invalid")
    return Key.SECRET


async def preflight(_request: web.Request) -> web.StreamResponse:
    """OPTIONS: whether a page may send the header with its publishable key."""
    return web.Response(
        status=204,
        headers={
            **READABLE,
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
        },
    )


def _given(request: web.Request) -> str:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    key = credentials.strip()
    if scheme.lower() == "bearer":
        return key
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(key, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
