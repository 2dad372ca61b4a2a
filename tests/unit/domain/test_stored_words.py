"""What is stored stays readable: no name and no field ever disappears."""

import msgspec
import pytest

from actors import encode
from tests.support import golden

ADVICE = "run: python -m tests.support.golden"

EVERY = [(what, name) for what in golden.FILES for name in sorted(golden.read(what))]


@pytest.mark.parametrize("what", golden.FILES)
def test_every_word_is_in_the_golden_file(what: str) -> None:
    missing = set(golden.words(what)) - set(golden.read(what))
    assert not missing, f"new words {missing}; {ADVICE}"


@pytest.mark.parametrize("what", golden.FILES)
def test_no_word_has_disappeared(what: str) -> None:
    gone = set(golden.read(what)) - set(golden.words(what))
    assert not gone, f"rows with {gone} may be stored; keep reading them"


@pytest.mark.parametrize(("what", "name"), EVERY)
def test_the_golden_example_has_every_field_and_no_other(what: str, name: str) -> None:
    word = golden.words(what)[name]
    fields, stored = set(word.__struct_encode_fields__), set(golden.read(what)[name]) - {what}
    assert not stored - fields, f"{name} has lost a field that is stored"
    assert not fields - stored, f"{name} has a new field; {ADVICE}"


@pytest.mark.parametrize(("what", "name"), EVERY)
def test_the_golden_example_means_what_it_meant(what: str, name: str) -> None:
    stored = golden.read(what)[name]
    read = msgspec.json.decode(msgspec.json.encode(stored), type=golden.words(what)[name])
    assert msgspec.json.decode(encode(read)) == stored
