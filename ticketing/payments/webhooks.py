"""Webhooks: is it Stripe that says so, and just now?

Source: https://docs.stripe.com/webhooks#verify-manually. The SDK's own check takes a timestamp from
the future, and raises whatever it trips over (`TypeError` for a signature that is not ASCII,
`UnicodeDecodeError` for a body that is not UTF-8); here there is one error for all of it.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from ticketing.payments import stripe_events
from ticketing.payments.outcomes import Happened

__all__ = ["SECONDS", "WEBHOOKS", "BadSignatureError", "verify"]

WEBHOOKS: Final = "/api/webhooks/stripe"
"""Where the gateway takes the provider's events."""

SECONDS: Final = 300
"""How old a signature may be, and how far in the future: Stripe's own tolerance.

What is replayed within it does no harm, for a webhook is only a hint.
"""

_TIMESTAMP: Final = re.compile("[0-9]{1,12}")
# HMAC-SHA256 in hexadecimal.
_SIGNATURE: Final = re.compile("[0-9a-f]{64}")
# There are two while a secret is rolled; more than a few are sent by nobody.
_SIGNATURES_MAX: Final = 8


class BadSignatureError(Exception):
    """It was not signed by Stripe with a secret of ours within the last minutes, or is no event."""

    def __init__(self) -> None:
        super().__init__(type(self).__doc__)


def verify(
    raw: bytes, header: str | None, secrets: Sequence[str], now: datetime, *, live: bool
) -> Happened | None:
    """What the webhook with the body *raw* tells of a payment; None if nothing.

    Args:
        raw: the body exactly as it came.
        header: of the name `Stripe-Signature`.
        secrets: any of them may have signed: two, while one takes over from the other. A blank one
            is none.
        now: at most 300 s from when it was signed.
        live: whether events of live mode are expected; those of the other mode are refused.

    Raises:
        BadSignatureError: whatever is wrong with it.

    """
    timestamp, signatures = _read(header or "")
    if not _is_signed(raw, timestamp, signatures, secrets):
        raise BadSignatureError
    if abs(now.timestamp() - int(timestamp)) > SECONDS:
        raise BadSignatureError
    try:
        event = msgspec.json.decode(raw, type=stripe_events.Event)
        if event.object != "event" or event.livemode is not live:
            raise BadSignatureError
        return stripe_events.happened(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The text of these errors may quote the body, which is nobody's to log.
        raise BadSignatureError from None


def _read(header: str) -> tuple[str, list[str]]:
    """The timestamp and the signatures of scheme v1 in *header*."""
    timestamps: list[str] = []
    signatures: list[str] = []
    for item in header.split(","):
        name, _, value = item.partition("=")
        if name == "t" and _TIMESTAMP.fullmatch(value):
            timestamps.append(value)
        elif name == "v1" and _SIGNATURE.fullmatch(value):
            signatures.append(value)
    if len(timestamps) != 1:
        raise BadSignatureError
    return timestamps[0], signatures[:_SIGNATURES_MAX]


def _is_signed(
    raw: bytes, timestamp: str, signatures: Sequence[str], secrets: Sequence[str]
) -> bool:
    signed = timestamp.encode() + b"." + raw
    expected = [
        hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for secret in secrets
        if secret.strip()
    ]
    # All are compared, always: how long it takes tells nothing.
    matches = [hmac.compare_digest(one, other) for one in expected for other in signatures]
    return any(matches)
