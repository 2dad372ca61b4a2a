"""Fixtures of these tests: silence, because things fail on purpose here."""

from collections.abc import Iterator

import pytest

from tests.support.quiet import quiet


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield
