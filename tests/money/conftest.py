"""What fails in these modules is shown as what fails in a test."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.money.{name}"
        for name in ("buyers", "crowd", "judge", "plans", "race", "sandbox", "world")
    )
)
