"""docs/metrics.md lists every metric, and only metrics; what is exposed is valid."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.metrics import IS_LINUX, Metric, declared, exposition

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*?) ?\| ([^|]+?) \| ([^|]*?) ?\|$", re.MULTILINE)


def documented() -> Mapping[str, Metric]:
    found = {
        name: Metric(kind, tuple(labels.split(", ")) if labels else (), meaning)
        for name, kind, labels, meaning, _ in ROW.findall(DOCUMENT.read_text())
    }
    return {name: found[name] for name in found if IS_LINUX or not name.startswith("process_")}


def test_the_document_and_the_code_say_the_same() -> None:
    assert documented() == declared()


def test_each_row_of_the_document_is_read() -> None:
    """A row that the pattern does not understand would be compared with nothing."""
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(ROW.findall(DOCUMENT.read_text()))


@pytest.mark.parametrize("name", tuple(declared()))
def test_names_and_help_follow_the_conventions(name: str) -> None:
    """As `promtool check metrics` wants them."""
    metric = declared()[name]
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", name)
    assert metric.meaning
    assert metric.type in {"counter", "gauge", "histogram"}
    assert not name.endswith(("_total", "_count", "_sum", "_bucket", "_info"))
    assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|percent)$", name)
    assert not {"le", "quantile", "job", "instance"} & set(metric.labels)
    if name.endswith("_seconds"):
        assert re.search(r"\b[Ss]econds\b", metric.meaning)
    if metric.type == "histogram" and not name.endswith("_turns"):
        assert name.endswith("_seconds")


def test_what_is_exposed_is_parsed_and_has_each_metric_once() -> None:
    text = exposition()
    families = [
        family.name
        for family in text_string_to_metric_families(text)
        if not family.name.endswith("_created")  # When each series began, in the old format.
    ]
    assert sorted(families) == sorted(declared())
    assert len(re.findall(r"^# HELP actors_turns_total ", text, re.MULTILINE)) == 1
