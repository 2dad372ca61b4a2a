"""Idempotency keys as Stripe keeps them.

The first answer under a key - success, decline or server error - is the answer for 24 hours.
Only answers of requests whose execution began are kept: who was refused for a parameter, or for
being second while the first still ran, may try again with the same key.

Pure: times are Unix seconds and are handed in.
Source: https://docs.stripe.com/api/idempotent_requests.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import msgspec

from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["KEEP_SECONDS", "KEY_LENGTH_MAX", "Kept", "Keys", "fingerprint"]

# Stripe keeps them for "at least 24 hours": a program that relies on more is wrong, so no more.
KEEP_SECONDS: Final = 24 * 60 * 60
KEY_LENGTH_MAX: Final = 255


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The first answer under a key, and what it answered."""

    key: str
    fingerprint: str
    at: float
    request_id: str
    status: int
    body: str


class Keys:
    """What is known under which key, and which keys a running request holds."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._running: set[str] = set()

    def begin(self, key: str, print_: str, now: float) -> Kept | None:
        """The kept answer; or None, and the key is held until `end`.

        Raises:
            Refusal: the key belongs to a running request, or to one with other parameters.

        """
        if not 0 < len(key) <= KEY_LENGTH_MAX:
            raise _error(f"Idempotency keys have 1 to {KEY_LENGTH_MAX} characters.")
        kept = self._kept.get(key)
        if kept is not None and now - kept.at < KEEP_SECONDS:
            if kept.fingerprint != print_:
                raise _error(
                    "Keys for idempotent requests can only be used with the parameters they "
                    f"were first used with. The key was '{key}'."
                )
            return kept
        if key in self._running:
            raise _error(
                f"Another request with the key '{key}' is in progress.",
                status=409,
                code="idempotency_key_in_use",
            )
        self._running.add(key)
        return None

    def end(self, key: str) -> None:
        """Let go of the key; what was not kept may be tried again."""
        self._running.discard(key)

    def keep(self, kept: Kept) -> None:
        # Made anew, so that an expired key that comes back moves to the end: oldest first below.
        self._kept.pop(kept.key, None)
        self._kept[kept.key] = kept
        self._forget(kept.at)

    def all(self) -> Iterable[Kept]:
        return self._kept.values()

    def _forget(self, now: float) -> None:
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if now - oldest.at < KEEP_SECONDS:
                return
            del self._kept[oldest.key]


def fingerprint(path: str, parameters: Iterable[tuple[str, str]]) -> str:
    """What a request asked for: its path and its parameters, in whatever order they came."""
    return sha256(repr((path, sorted(parameters))).encode()).hexdigest()


def _error(message: str, *, status: int = 400, code: str | None = None) -> Refusal:
    return Refusal(message, status=status, kind="idempotency_error", code=code)
