"""Webhooks early, late, many, in disorder, never; and what somebody else signed."""

from typing import Final

from tests.functional.provider import deliver, event, intent_of, signature
from tests.money.stage import CANCELLED, SOLD, Case, Fault, Sale
from tests.support.wait import until

__all__ = ["CASES"]

# More than a purchase has events.
ALL: Final = 50

SUCCEEDED: Final = {"kind": "payment_intent.succeeded", "status": "succeeded"}


def webhooks(kind: str, **more: object) -> list[Fault]:
    """What goes wrong with every webhook."""
    return [{"operation": "webhook", "kind": kind, "times": ALL, **more}]


async def pays(sale: Sale) -> None:
    await sale.sells()


async def comes_back(sale: Sale) -> None:
    await sale.passes()
    assert (await sale.confirms()).status in {201, 202}
    await sale.order_once("complete")


async def never_comes_back(sale: Sale) -> None:
    await sale.passes()
    await sale.order_once("complete")


async def is_found_by_the_reconciler(sale: Sale) -> None:
    await sale.passes()

    async def is_found() -> bool:
        # What has just happened is left to webhooks for a moment, so it takes more than one look.
        await sale.nudges()
        return (await sale.seen()).order == "complete"

    await until(is_found, "the reconciler has found it")


async def is_told_again(sale: Sale) -> None:
    """What was delivered before comes once more, as it was, when everything is over."""
    intent = await sale.passes()
    body = event(sale.order, intent=intent)
    header = signature(sale.site, body)
    for _ in range(3):
        assert (await deliver(sale.site, body, header)).status == 200
        await sale.order_once("complete")
    assert [each["status"] for each in await sale.held()] == ["succeeded"]


async def is_lied_to(sale: Sale) -> None:
    """Somebody says that it is paid; then somebody says so who knows the secret."""
    intent = intent_of(await sale.is_asked())
    body = event(sale.order, intent=intent, **SUCCEEDED)
    forged = await deliver(sale.site, body, signature(sale.site, body, secret="whsec_forged"))
    assert (forged.status, forged.body["code"]) == (400, "invalid_webhook")
    assert (await deliver(sale.site, body)).status == 200
    again = await sale.confirms()
    assert (again.status, again.body["status"]) == (202, "requires_action")
    assert (await sale.gives_up()).status == 204


CASES: Final = (
    Case(
        "webhook before our answer",
        pays,
        SOLD,
        [{"operation": "create", "kind": "hold", "seconds": 1.0}],
    ),
    Case("webhook thirty times", never_comes_back, SOLD, webhooks("repeat", copies=30)),
    Case("webhook late", never_comes_back, SOLD, webhooks("delay", seconds=1.0)),
    Case("webhook later than the browser", comes_back, SOLD, webhooks("delay", seconds=2.0)),
    Case("webhooks in reverse", comes_back, SOLD, webhooks("reverse")),
    Case("webhook never", is_found_by_the_reconciler, SOLD, webhooks("lose")),
    Case("webhook replayed", is_told_again, SOLD, webhooks("lose")),
    Case("webhook forged", is_lied_to, CANCELLED, webhooks("lose")),
)
