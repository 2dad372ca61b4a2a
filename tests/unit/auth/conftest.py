"""Who verifies tokens: with a secret, or with a private key."""

import pytest

from tests.support.clock import FakeClock
from tests.support.forged_tokens import KEY_PEM, SECRET
from ticketing.auth.tokens import Tokens


@pytest.fixture
def secret_tokens() -> Tokens:
    return Tokens(SECRET, None, "ticketing", "ticketing", FakeClock())


@pytest.fixture
def ec_tokens() -> Tokens:
    return Tokens(KEY_PEM, None, "ticketing", "ticketing", FakeClock())
