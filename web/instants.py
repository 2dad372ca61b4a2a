"""Instants as callers see them: ISO 8601, UTC, milliseconds, `Z`."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, to_builtins

__all__ = ["Instant", "parse", "shown"]

Instant: TypeAlias = Annotated[
    str, Meta(extra_json_schema={"format": "date-time", "examples": ["2026-01-31T18:00:00.000Z"]})
]


def shown(instant: datetime) -> str:
    """*instant*, cut off at the millisecond: `2026-01-31T18:00:00.000Z`."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    # msgspec writes an instant in a tenth of the time, with no fraction or with microseconds.
    written: str = to_builtins(instant)
    return f"{written[:19]}.{written[20:23] or '000'}Z"


def parse(text: str) -> datetime:
    """The instant that *text* says in ISO 8601, in UTC, cut off at the millisecond.

    Raises:
        ValueError: it is none, or does not say how far from UTC it is.

    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} is no instant")
    try:
        instant = instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
