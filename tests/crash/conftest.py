"""What fails in these modules is shown as what fails in a test."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.crash.{name}"
        for name in ("outage", "people", "rounds", "scenarios", "steps", "world")
    )
)
