"""What clients are told before they begin."""

from typing import Any

import msgspec

__all__ = ["Config", "KeySet"]


class Config(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the web client has to know. *stripe_js* is the address of the payment form's script."""

    publishable_key: str | None
    stripe_js: str
    test_mode: bool
    reservation_seconds: float


class KeySet(msgspec.Struct, frozen=True):
    """Public keys that tokens can be verified with (RFC 7517)."""

    keys: list[dict[str, Any]]
