"""What is found, and the connection that it is found through."""

from typing import NamedTuple, TypeAlias

import asyncpg

__all__ = ["Connection", "Violation"]

# A string, because the class can be subscripted only in annotations.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Violation(NamedTuple):
    """One thing that must never be true, and is."""

    rule: str
    subject: str
    """What it is about: `ticket 0198...`."""
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.detail}"
