"""Who may tell us of a payment, and what of it is understood. Signed as Stripe's SDK signs."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stripe import WebhookSignature

from ticketing.payments.outcomes import Happened
from ticketing.payments.webhooks import BadSignatureError, verify

SECRET = "whsec_of_a_test"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(kind: str = "payment_intent.succeeded", **changes: Any) -> dict[str, Any]:
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "succeeded",
        "metadata": {"order_id": "o1", "attempt": "1"},
    }
    data = {"object": intent, "previous_attributes": None}
    plain = {"id": "evt_1", "object": "event", "type": kind, "created": 1772366400}
    return plain | {"livemode": False, "data": data} | changes


def signature(body: str, secret: str = SECRET, at: datetime = NOW) -> str:
    header = WebhookSignature.generate_signature_header(body, secret, int(at.timestamp()))
    assert isinstance(header, str)
    return header


def told(
    body: dict[str, Any] | str, header: str | None = None, *, live: bool = False
) -> Happened | None:
    text = body if isinstance(body, str) else json.dumps(body)
    signed = signature(text) if header is None else header
    return verify(text.encode(), signed, ["whsec_of_another_one", SECRET], NOW, live=live)


def test_an_event_of_an_intent() -> None:
    assert told(event()) == Happened(
        intent_id="pi_1",
        order_id="o1",
        status="succeeded",
        type="payment_intent.succeeded",
        created=NOW,
    )


@pytest.mark.parametrize("kind", ["charge.refunded", "refund.failed", "charge.refund.updated"])
def test_an_event_of_a_refund_leads_to_the_intent(kind: str) -> None:
    refund = {
        "id": "re_1",
        "status": "failed",
        "payment_intent": "pi_1",
        "metadata": {"order_id": "o1"},
    }

    assert told(event(kind, data={"object": refund})) == Happened(
        intent_id="pi_1", order_id="o1", status="failed", type=kind, created=NOW, is_refund=True
    )


@pytest.mark.parametrize(
    "body",
    [
        event("customer.created"),
        event("payment_intent.created"),
        event("payment_intent.requires_action"),
        *(
            event(data={"object": {"id": "pi_1", "status": status, "metadata": {"order_id": "o1"}}})
            for status in ("requires_action", "requires_confirmation")
        ),
        event("new.in_2031", data={"object": {"object": "new", "id": 7}}),
        event(data={"object": {"id": "pi_1", "status": "succeeded"}}),
        event(data={"object": {"id": "pi_1", "status": "succeeded", "metadata": {}}}),
        event(data={"object": {"id": "pi_1", "status": "succeeded", "metadata": None}}),
        # Whoever else uses the account has orders, too.
        *(
            event(data={"object": {"id": "pi_1", "status": "x", "metadata": {"order_id": other}}})
            for other in ("Nr. 7, März", "o" * 256, "", "a\0b", 7)
        ),
        event("charge.refunded", data={"object": {"id": "ch_1", "status": "succeeded"}}),
        event(
            "refund.failed",
            data={"object": {"id": "re_1", "payment_intent": None, "metadata": {"order_id": "o1"}}},
        ),
    ],
    ids=str,
)
def test_what_says_nothing_of_a_payment_of_ours(body: dict[str, Any]) -> None:
    assert told(body) is None


def test_a_rolled_secret() -> None:
    body = json.dumps(event())
    new, old = signature(body, "whsec_new"), signature(body, "whsec_old")
    both = f"{new},{old.partition(',')[2]},v0=abc"

    for secrets in (["whsec_new"], ["whsec_old"], ["", "whsec_old"], ["x", "whsec_new"]):
        assert verify(body.encode(), both, secrets, NOW, live=False) is not None
    assert verify(body.encode(), old, ["whsec_new", "whsec_old"], NOW, live=False) is not None


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_signature_of_these_minutes(seconds: int) -> None:
    body = json.dumps(event())

    assert told(body, signature(body, at=NOW + timedelta(seconds=seconds))) is not None


@pytest.mark.parametrize("seconds", [-86400, -301, 301, 86400, 10**10])
def test_a_signature_of_another_time(seconds: int) -> None:
    body = json.dumps(event())
    stamp = int(NOW.timestamp()) + seconds
    header = WebhookSignature.generate_signature_header(body, SECRET, stamp)

    with pytest.raises(BadSignatureError):
        told(body, header)


GOOD = signature(json.dumps(event()))
STAMP, _, VALUE = GOOD.partition(",")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        ",",
        "=",
        STAMP,
        VALUE,
        f"{STAMP},{VALUE.replace('v1', 'v0')}",
        f"{STAMP},v1=",
        f"{STAMP},v1={'é' * 64}",
        f"{STAMP},v1={'٣' * 64}",
        f"{STAMP},v1=\udcff\udcfe",
        f"{STAMP},{VALUE.upper().replace('V1', 'v1')}",
        f"{STAMP},{VALUE}0",
        f"{STAMP},{VALUE[:-1]}",
        f"{STAMP},{VALUE[:-1]}{'1' if VALUE[-1] == '0' else '0'}",
        f"{STAMP}\n,{VALUE}",
        f"{STAMP},{STAMP},{VALUE}",
        f"t=-1,{VALUE}",
        f"t=,{VALUE}",
        f"t=x,{VALUE}",
        f"t=١٧٧٢٣٦٦٤٠٠,{VALUE}",
        f"t={'9' * 400},{VALUE}",
        f"t={int(NOW.timestamp()) + 1},{VALUE}",
    ],
)
def test_a_header_that_proves_nothing(header: str | None) -> None:
    raw = json.dumps(event()).encode()

    with pytest.raises(BadSignatureError):
        verify(raw, header, [SECRET], NOW, live=False)


@pytest.mark.parametrize("secrets", [[], [""], [" \n"], ["whsec_of_another_one"]])
def test_a_secret_that_did_not_sign(secrets: list[str]) -> None:
    body = json.dumps(event())
    headers = [GOOD, *(signature(body, secret) for secret in secrets if not secret.strip())]

    for header in headers:
        with pytest.raises(BadSignatureError):
            verify(body.encode(), header, secrets, NOW, live=False)


def test_a_body_that_was_written_anew() -> None:
    with pytest.raises(BadSignatureError):
        told(json.dumps(event(), indent=1), GOOD)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "7",
        '"event"',
        "[]",
        "{}",
        "<html>",
        json.dumps(event())[:-1],
        json.dumps([event()]),
        json.dumps(event(object="v2.core.event")),
        json.dumps({"object": "v2.core.event", "id": "evt_1", "type": "v1.charge.refunded"}),
        json.dumps({"specversion": "1.0", "data": event()}),
        json.dumps(event(livemode=True)),
        json.dumps(event("customer.created", livemode=True)),
        json.dumps(event(livemode="false")),
        json.dumps(event(created="yesterday")),
        json.dumps(event(created=10**30)),
        json.dumps(event(data={"object": []})),
        json.dumps(event(data={"object": {"id": "", "status": "x"}})),
        json.dumps(event(data={"object": {"id": "pi_\0", "status": "x"}})),
        "[" * 1000 + "]" * 1000,
        '{"a":' * 1000 + "1" + "}" * 1000,
        "[" * 1_000_000,
        json.dumps(event())[:-1] + ',"more":' + "[" * 1000 + "]" * 1000 + "}",
    ],
    ids=lambda body: body[:40],
)
def test_a_signed_body_that_is_no_event(body: str) -> None:
    with pytest.raises(BadSignatureError) as caught:
        told(body)

    assert caught.value.__cause__ is None


def test_a_signed_body_that_is_not_utf_8() -> None:
    raw = json.dumps(event()).replace("evt_1", "evt_é").encode("latin-1")
    # The SDK signs text alone, so: the signature of this very stamp and body, by hand.

    stamp = int(NOW.timestamp())
    made = hmac.new(SECRET.encode(), b"%d." % stamp + raw, hashlib.sha256).hexdigest()

    with pytest.raises(BadSignatureError):
        verify(raw, f"t={stamp},v1={made}", [SECRET], NOW, live=False)


def test_live_mode_expects_live_events() -> None:
    assert told(event(livemode=True), live=True) is not None
    with pytest.raises(BadSignatureError):
        told(event(), live=True)
