"""What clients are told before they begin."""

from typing import Any, Self

import msgspec

__all__ = ["Config", "KeySet"]


class Config(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the web client has to know.

    `stripeJs` is the address of the payment form's script, which is given `publishableKey`.
    """

    publishable_key: str | None
    stripe_js: str
    test_mode: bool
    reservation_seconds: float

    @classmethod
    def example(cls) -> Self:
        return cls(
            publishable_key="pk_test_51Example",
            stripe_js="https://js.stripe.com/endive/stripe.js",
            test_mode=True,
            reservation_seconds=900,
        )


class KeySet(msgspec.Struct, frozen=True):
    """Public keys that tokens can be verified with (RFC 7517)."""

    keys: list[dict[str, Any]]

    @classmethod
    def example(cls) -> Self:
        # The key of RFC 7517, appendix A.1.
        point = {
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }
        return cls(keys=[{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", **point}])
