"""Instants as callers see them: ISO 8601, UTC, milliseconds, `Z`."""

from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

__all__ = ["Instant", "shown"]

Instant: TypeAlias = Annotated[
    str, Meta(extra_json_schema={"format": "date-time", "examples": ["2026-01-31T18:00:00.000Z"]})
]


_UTC: Final = "+00:00"


def shown(instant: datetime) -> str:
    """*instant*, cut off at the millisecond: `2026-01-31T18:00:00.000Z`."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="milliseconds").removesuffix(_UTC) + "Z"
