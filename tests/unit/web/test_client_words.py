"""What the web client and the server have to agree on, in two languages."""

import re

from ticketing.payments import AttemptStatus
from ticketing.values import CURRENCIES
from web.static import CLIENT

SAYS_NOTHING = {AttemptStatus.SETTLED, AttemptStatus.VOIDING}
"""Steps between us and the provider that mean nothing to a buyer."""


def test_both_know_which_currencies_have_no_smaller_unit() -> None:
    """What the payment form is told is charged, and what is charged, are the same."""
    found = re.search(
        r'const WHOLE = new Set\("([a-z ]+)"', (CLIENT / "payment-form.js").read_text()
    )
    assert found is not None
    assert set(found[1].split()) == {code for code, decimals in CURRENCIES.items() if not decimals}


def test_every_step_of_a_payment_has_words_or_says_nothing() -> None:
    text = (CLIENT / "components" / "timeline.js").read_text()
    words = re.search(r"const WORDS = \{(.*?)^\};", text, re.DOTALL | re.MULTILINE)
    assert words is not None
    named = set(re.findall(r"^  (\w+):", words[1], re.MULTILINE))
    assert named == set(AttemptStatus) - SAYS_NOTHING
