"""What was measured, as rows of one table: least, median, most, and the target."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Row", "percentile", "render"]

_HEAD = ("row", "unit", "n", "min", "median", "max", "target", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One quantity, measured once a round. With neither bound it is there to be read."""

    title: str
    unit: str
    values: Sequence[float]
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "" if self.at_most is None else f"<= {self.at_most:g}"

    @property
    def verdict(self) -> str:
        """Whether the median keeps the target."""
        if self.at_least is not None:
            return "met" if self.median >= self.at_least else "MISSED"
        if self.at_most is not None:
            return "met" if self.median <= self.at_most else "MISSED"
        return ""

    @property
    def cells(self) -> tuple[str, ...]:
        found = (min(self.values), self.median, max(self.values))
        numbers = tuple(_short(number) for number in found)
        rounds = str(len(self.values))
        return (self.title, self.unit, rounds, *numbers, self.target, self.verdict)


def _short(number: float) -> str:
    return f"{number:.2f}" if abs(number) < 100 else f"{number:.0f}"


def percentile(values: Iterable[float], share: float) -> float:
    """The value that *share* of *values* do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def render(rows: Iterable[Row]) -> str:
    """A table that is Markdown and can be read as it is."""
    lines = [_HEAD, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    text = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
