"""The dashboard and the alert rules: they can be read, and ask for nothing that is not there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.metrics import IS_LINUX, samples

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "k8s" / "monitoring" / "dashboard.json"
RULES = ROOT / "k8s" / "monitoring" / "alerts.yaml"
OPERATIONS = ROOT / "docs" / "operations.md"

# What Prometheus itself adds to what it scrapes.
ADDED_LABELS = {"job", "instance"}
ADDED_METRICS = {"up": {*ADDED_LABELS}}

FUNCTIONS = {"histogram_quantile", "increase", "label_values", "max", "min", "rate", "sum", "topk"}
WORDS = {"by", "le"}
DURATION = re.compile(r"\[(\d+[smhd]|\$__rate_interval)\]")


def rules() -> list[dict[str, Any]]:
    read = yaml.safe_load(RULES.read_text())
    assert set(read) == {"groups"}
    return [rule for group in read["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]


@pytest.mark.parametrize(("where", "query"), tuple(queries()), ids=lambda value: str(value)[:40])
def test_each_query_uses_metrics_and_labels_that_exist(where: str, query: str) -> None:
    known = {**samples(), **ADDED_METRICS}
    assert query.count("(") == query.count(")"), where
    assert DURATION.sub("", query).count("[") == 0
    selectors = re.findall(r"(\w+)?\{([^}]*)\}", query)
    grouped = re.findall(r"by \(([^)]*)\)", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)", " ", query)
    called = set(re.findall(r"([a-z_]+)\s*\(", bare))
    used = set(re.findall(r"[a-z_]{2,}", bare)) - called - WORDS
    assert called <= FUNCTIONS
    assert used, where
    if not IS_LINUX:
        used = {name for name in used if not name.startswith("process_")}
    assert used <= set(known), where
    for name, matchers in selectors:
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert labels <= known.get(name, labels) | ADDED_LABELS, where
    labels = {label.strip() for group in grouped for label in group.split(",")}
    has = set().union(*(known[name] for name in used)) if used else labels
    assert labels <= has | ADDED_LABELS, where


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_each_alert_says_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Ticketing[A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"\d+[sm]", rule.get("for", "0s"))
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "action"}
    assert re.search(r" (==|>|<) [\d.]+$", rule["expr"]), "it compares with a number"
    for text in rule["annotations"].values():
        for used in re.findall(r"\{\{(.*?)\}\}", text):
            assert re.fullmatch(r" \$(value|labels\.\w+)( \| humanize\w*)? ", used)
            if ".labels" in used or "$labels" in used:
                _assert_label_survives(rule["expr"], used.partition("labels.")[2].split()[0])


def _assert_label_survives(query: str, label: str) -> None:
    """What has been summed away would be shown as nothing."""
    if re.search(r"\b(sum|max|min)\b", query):
        grouped = re.findall(r"by \(([^)]*)\)", query)
        assert any(label in group for group in grouped), (query, label)


def test_operations_has_a_paragraph_on_each_alert_and_on_no_other() -> None:
    paragraphs = re.findall(r"^### (Ticketing\w+)$", OPERATIONS.read_text(), re.MULTILINE)
    assert paragraphs == [rule["alert"] for rule in rules()]


def test_what_the_operator_has_to_know_of_has_an_alert() -> None:
    text = RULES.read_text()
    for metric in (
        "actors_timer_lateness_seconds",
        "actors_inbox_parked",
        "actors_inbox_overdue",
        "actors_service_degraded",
        "ticketing_payments_unknown",
        "ticketing_refunds_failed",
        "actors_ready",
        "actors_store_available",
    ):
        assert metric in text, metric


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["uid"]
    assert dashboard["schemaVersion"] >= 39
    assert [each["name"] for each in dashboard["templating"]["list"]] == [
        "datasource", "job", "instance",
    ]  # fmt: skip
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["targets"]


def test_every_metric_that_is_worth_a_look_is_on_the_dashboard() -> None:
    text = DASHBOARD.read_text()
    left_out = {
        name
        for name in samples()
        if not re.search(rf"\b{re.sub('_(bucket|sum|count)$', '', name)}", text)
    }
    assert {name for name in left_out if not name.startswith("process_")} == set()
