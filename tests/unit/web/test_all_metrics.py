"""The metrics of several processes in one text: valid, whole, and told apart."""

from collections import defaultdict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.metrics import exposition
from web.all_metrics import merged


def process(number: int) -> bytes:
    """A process that has done something."""
    registry = CollectorRegistry()
    turns = Counter("turns", "What has a space { and a brace", ["kind"], registry=registry)
    turns.labels(kind='a "strange {one} \n').inc(number)
    Gauge("sockets", "Open", registry=registry).set(number)
    Histogram("seconds", "Spent", registry=registry, buckets=(1, 2)).observe(1.5)
    if number == 2:
        Gauge("only_here", "Not everywhere", registry=registry).set(1)
    return generate_latest(registry)


def test_each_sample_says_whose_it_is_and_none_is_missing() -> None:
    texts = {f"node-{number}": process(number) for number in (1, 2)}
    found = defaultdict(set)
    for family in text_string_to_metric_families(merged(texts).decode()):
        for sample in family.samples:
            labels = dict(sample.labels)
            node = labels.pop("node")
            found[node].add((sample.name, tuple(sorted(labels.items())), sample.value))
    for node, text in texts.items():
        own = {
            (sample.name, tuple(sorted(sample.labels.items())), sample.value)
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
        }
        assert found[node] == own


def test_every_metric_has_one_head_and_stands_together() -> None:
    text = merged({"a": process(1), "b": process(2)}).decode()
    heads = [line for line in text.splitlines() if line.startswith("# HELP")]
    assert len(heads) == len(set(heads))
    names = [family.name for family in text_string_to_metric_families(text)]
    assert len(names) == len(set(names))


def test_what_a_process_says_of_itself_goes_through() -> None:
    text = exposition().encode()
    once = merged({"a": text}).decode()
    assert once.replace('{node="a"}', "").replace('node="a",', "") == text.decode()


def test_nobody_has_nothing() -> None:
    assert merged({}) == b""
