"""Random faults: a storm that a number makes happen again.

    POST /_sandbox/weather
    {"seed": 1, "shares": {"delay": 0.1, "500": 0.02, "webhook_lose": 0.1}, "delay_seconds": 0.5}

A share is the part of the server's requests, or of the events, that meets that fault; `{}` ends it.
The same seed rolls the same faults, one a request in the order in which they come. What comes from
a browser is left alone: its script does not try again as a server does. A restart ends it.
"""

import random
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

__all__ = ["CALM", "Forecast", "Weather"]

Share: TypeAlias = Literal[
    "delay",
    "hold",
    "drop_before",
    "drop_after",
    "truncate",
    "409",
    "429",
    "500",
    "500_effect",
    "502",
    "502_effect",
    "webhook_lose",
    "webhook_repeat",
    "webhook_delay",
    "webhook_reverse",
]

_WEBHOOK: Final = "webhook_"


class Forecast(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of what. Shares are 0 to 1, and no request or event can meet two of them."""

    seed: int = 1
    shares: dict[Share, float] = {}
    delay_seconds: float = 0.5
    """The longest delay."""

    def __post_init__(self) -> None:
        if self.delay_seconds < 0 or any(share < 0 for share in self.shares.values()):
            raise ValueError("shares and seconds start at 0")
        for part in self.of_requests(), self.of_webhooks():
            if sum(part.values()) > 1:
                raise ValueError("the shares are more than 1 together")

    def of_requests(self) -> Mapping[str, float]:
        return {name: share for name, share in self.shares.items() if not _is_of_webhooks(name)}

    def of_webhooks(self) -> Mapping[str, float]:
        return {name: share for name, share in self.shares.items() if _is_of_webhooks(name)}


class Weather:
    """The dice, one for requests and one for events, so that neither disturbs the other."""

    def __init__(self, forecast: Forecast) -> None:
        self.forecast = forecast
        # Not for secrets: the point is that they can be foretold.
        self._requests = random.Random(forecast.seed)  # noqa: S311
        self._webhooks = random.Random(forecast.seed + 1)  # noqa: S311

    def roll(self, operation: str) -> Mapping[str, Any] | None:
        """The fields of the fault that this request, or event, meets; None for most."""
        if operation == "webhook":
            dice, shares = self._webhooks, self.forecast.of_webhooks()
        else:
            dice, shares = self._requests, self.forecast.of_requests()
        if not shares:
            return None
        rolled, seconds = dice.random(), dice.random() * self.forecast.delay_seconds
        for name, share in shares.items():
            if rolled < share:
                return {"operation": operation, **_fields(name, seconds)}
            rolled -= share
        return None


def _fields(name: str, seconds: float) -> Mapping[str, Any]:
    status, _, rest = name.partition("_")
    if status.isdecimal():
        return {"kind": "status", "status": int(status), "effect": rest == "effect"}
    kind = name.removeprefix(_WEBHOOK)
    return {"kind": kind, "seconds": seconds if kind in ("delay", "hold") else 0.0}


def _is_of_webhooks(name: str) -> bool:
    return name.startswith(_WEBHOOK)


CALM: Final = Weather(Forecast())
