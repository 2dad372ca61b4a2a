"""Everything that can go wrong about a purchase, each in a purchase of its own, all at once.

At the end of each it is as it should be, and both sides' books agree. What comes about the deadline
itself is in `test_race`, a provider that cannot be reached at all in
`tests/functional/test_payments`, and more signatures in `tests/functional/test_webhooks`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.money import (
    cases_late,
    cases_net,
    cases_people,
    cases_tampered,
    cases_webhooks,
    stage,
)
from tests.money.stage import Case, Stage
from tests.support import postgres
from tests.support.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Each has a site of its own: while the net is bad, ten calls at once are few.
PROGRAMME: Final[Mapping[str, Sequence[Case]]] = {
    "net": cases_net.CASES,
    "people": (*cases_people.CASES, *cases_webhooks.CASES, *cases_tampered.CASES),
    "late": cases_late.CASES,
}
SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "late": {"reservation_seconds": cases_late.RESERVATION_SECONDS}
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stages(databases: postgres.Databases) -> AsyncIterator[Mapping[str, Stage]]:
    """The stages after everything has been played on them."""
    async with AsyncExitStack() as stack:
        found: dict[str, Stage] = {}
        for name in PROGRAMME:
            dsn = await databases.create()
            stack.push_async_callback(databases.drop, dsn)
            folder = stack.enter_context(postgres.data_folder())
            settings = SETTINGS.get(name, {})
            found[name] = await stack.enter_async_context(
                stage.running(dsn, folder / "var", **settings)
            )
        async with asyncio.TaskGroup() as tasks:
            for name, cases in PROGRAMME.items():
                tasks.create_task(found[name].plays(cases))
        yield found


@pytest.mark.parametrize(
    ("name", "case"),
    [pytest.param(name, case, id=case.name) for name, cases in PROGRAMME.items() for case in cases],
)
async def test_it_ends_well(name: str, case: Case, stages: Mapping[str, Stage]) -> None:
    await stages[name].judges(case)


@pytest.mark.parametrize("name", PROGRAMME)
async def test_both_sides_books_agree(name: str, stages: Mapping[str, Stage]) -> None:
    await stages[name].compares()


async def test_a_refund_that_fails_later_is_told_until_somebody_does_something(
    stages: Mapping[str, Stage],
) -> None:
    """The money is still ours then, and both books say so."""
    there = stages["people"]
    sale = await there.opens()
    await sale.sells("pm_card_refundFail")
    assert (await sale.is_refunded()).status == 200

    async def has_failed() -> bool:
        shown = (await sale.payment_once("captured"))["timeline"]
        return bool(shown[-1]["what"] == "refund_failed")

    await until(has_failed, "the refund has failed")
    await there.settles()
    (intent,) = await sale.held()
    assert (intent["amount_received"], intent["amount_refunded"]) == (2_500, 0)
    # Our own books, and both books together.
    assert {each.rule for each in await there.violations()} == {"refund-failed", "paid-for-nothing"}
