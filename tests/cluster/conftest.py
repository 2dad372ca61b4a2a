"""What fails in these modules is shown as what fails in a test."""

import pytest

pytest.register_assert_rewrite(
    *(f"tests.cluster.{name}" for name in ("clients", "nats_server", "nemesis", "nodes", "run"))
)
