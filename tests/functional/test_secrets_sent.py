"""Secrets where they do not belong - in addresses above all - are not written down."""

from typing import Any
from uuid import uuid4

import pytest

from tests.functional.running_site import Site, cookie, signed_up
from web import middleware


class Ear:
    """A log that is listened to."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def info(self, event: str, **said: Any) -> None:
        self.heard.append({"event": event, **said})


async def test_what_is_logged_of_a_request_is_none_of_its_secrets(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Ear()
    async with await signed_up(site) as browser:
        held = cookie(browser)
    monkeypatch.setattr(middleware, "log", ear)
    token, reset, card = site.program().token, f"{uuid4()}{uuid4()}", f"tok_{uuid4().hex}"
    signature = f"t=1,v1={uuid4().hex}"
    answers = [
        await site.call("GET", f"/api/tickets/{token}"),
        await site.call("GET", f"/nowhere/{token}"),
        await site.call("GET", f"/api/tickets?access_token={token}"),
        await site.call("GET", f"/reset?token={reset}", headers={"Referer": f"http://a/#{reset}"}),
        await site.call("GET", "/api/orders", headers={"Authorization": f"Bearer {token}"}),
        await site.call("GET", "/api/orders", headers=held),
        await site.call("POST", "/api/users/reset", json={"token": reset, "password": card}),
        await site.call("POST", "/api/payments", json={"orderId": reset, "token": card}),
        await site.call("POST", "/api/webhooks/stripe", headers={"Stripe-Signature": signature}),
    ]
    assert len(ear.heard) == len(answers)
    sent = (token.rpartition(".")[2], reset, card, signature, held["Cookie"].partition("=")[2])
    for secret in sent:
        assert secret not in repr(ear.heard)
        # Nor is it sent back, to be in the log of somebody on the way.
        assert not any(secret in repr(answer.headers) for answer in answers)
