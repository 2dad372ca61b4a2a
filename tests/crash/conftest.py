"""What fails in these modules is shown as what fails in a test."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.crash.{name}"
        for name in ("money_scenarios", "outage", "people", "rounds", "scenarios", "steps", "world")
    )
)
