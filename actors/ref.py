"""Who a message is for. A reference is a value: making one wakes nobody."""

from typing import NamedTuple

__all__ = ["Ref"]


class Ref(NamedTuple):
    """An actor or a worker: its kind and which one of that kind."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"
