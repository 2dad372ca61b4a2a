"""What fails in these modules is shown as what fails in a test."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.money.{name}"
        for name in (
            "buyers",
            "cases_late",
            "cases_net",
            "cases_people",
            "cases_tampered",
            "cases_webhooks",
            "crowd",
            "judge",
            "plans",
            "race",
            "sandbox",
            "stage",
            "world",
        )
    )
)
