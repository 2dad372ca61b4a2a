"""The payment provider as browsers meet it: its script, and what a page must allow for it.

With Stripe, that is what its guide asks for (https://docs.stripe.com/security/guide), cards only:
neither Link nor the Address Element is used, whose hosts are missing here. With the sandbox, or
whatever else stands in for Stripe, it is that one origin.
"""

from dataclasses import dataclass
from typing import Final

from yarl import URL

__all__ = ["SANDBOX_KEY", "Provider"]

SANDBOX_KEY: Final = "pk_test_sandbox"
"""The publishable key for who stands in for Stripe, unless there is a setting: any will do."""

# The release train of the API version that the SDK speaks; the two belong together:
# https://docs.stripe.com/sdks/stripejs-versioning. A test compares them.
_STRIPE_JS: Final = "https://js.stripe.com/endive/stripe.js"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """One script, and the sources that the policy of the page has to name."""

    script: str
    scripts: tuple[str, ...]
    frames: tuple[str, ...]
    connects: tuple[str, ...]
    images: tuple[str, ...] = ()
    asks_to_pay: str
    """Who may use the browser's own payment dialogue, beside the page itself."""

    @classmethod
    def at(cls, base: str | None) -> "Provider":
        """The one at *base*; None: Stripe itself."""
        if base is None:
            return _STRIPE
        origin = str(URL(base).origin())
        return cls(
            script=f"{base.rstrip('/')}/v3.js",
            scripts=(origin,),
            frames=(origin,),
            connects=(origin,),
            asks_to_pay=origin,
        )


_STRIPE: Final = Provider(
    script=_STRIPE_JS,
    scripts=("https://js.stripe.com", "https://*.js.stripe.com"),
    frames=("https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"),
    connects=("https://api.stripe.com",),
    images=("https://*.stripe.com",),
    asks_to_pay="https://js.stripe.com",
)
