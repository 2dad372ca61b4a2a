"""Webhooks of the sandbox: signed, at least once, whatever happens to either side."""

import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import stripe

from tests.support.sandbox import (
    INTENTS,
    WEBHOOK_SECRET,
    Endpoint,
    HandClock,
    Wire,
    listening,
    sandbox_process,
    wire_to,
)
from tests.support.wait import until
from ticketing.payments.sandbox import running_sandbox

CREATED, HELD, TAKEN = (
    "payment_intent.created",
    "payment_intent.amount_capturable_updated",
    "payment_intent.succeeded",
)


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with listening() as made:
        yield made


@pytest_asyncio.fixture
async def wire(tmp_path: Path, endpoint: Endpoint) -> AsyncIterator[Wire]:
    running = running_sandbox(tmp_path, webhooks=endpoint.webhooks)
    async with running as base_url, wire_to(base_url) as made:
        yield made


async def delivered(wire: Wire) -> None:
    """Everything that there is to be delivered is."""

    async def none_pending() -> bool:
        return await wire.events(delivery_success="false") == []

    await until(none_pending, "all events are delivered")


async def test_every_event_is_delivered_as_the_list_has_it(wire: Wire, endpoint: Endpoint) -> None:
    await wire.captured()

    got = await endpoint.got(3)

    await delivered(wire)
    events = await wire.events()
    assert {event["pending_webhooks"] for event in got} == {1}
    by_id = {event["id"]: event | {"pending_webhooks": 0} for event in got}
    assert by_id == {event["id"]: event for event in events}


async def test_the_sdk_takes_what_is_sent(tmp_path: Path) -> None:
    taken: list[stripe.Event] = []
    async with listening() as endpoint:

        def take(body: bytes, signature: str) -> None:
            taken.append(stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET))

        endpoint.look = take
        running = running_sandbox(tmp_path, webhooks=endpoint.webhooks)
        async with running as base_url, wire_to(base_url) as wire:
            await wire.captured()
            await endpoint.got(3)

    assert {event.type for event in taken} == {CREATED, HELD, TAKEN}
    assert {event.api_version for event in taken} == {stripe.api_version}
    assert {event.livemode for event in taken} == {False}


async def test_an_endpoint_that_fails_is_told_again(tmp_path: Path, endpoint: Endpoint) -> None:
    clock = HandClock()
    clock.wake.set()
    endpoint.answers = lambda nth: {1: 500, 2: 404, 3: 302, 4: 400}.get(nth, 204)
    running = running_sandbox(tmp_path, clock=clock, webhooks=endpoint.webhooks)
    async with running as base_url, wire_to(base_url) as wire:
        await wire.post(INTENTS, {"amount": "500", "currency": "eur"})
        got = await endpoint.got(5)
        await delivered(wire)

    assert len({event["id"] for event in got}) == 1
    assert len(got) == 5


async def test_nobody_tries_for_ever(tmp_path: Path, endpoint: Endpoint) -> None:
    clock = HandClock()
    endpoint.answers = lambda _nth: 500
    running = running_sandbox(tmp_path, clock=clock, webhooks=endpoint.webhooks)
    async with running as base_url, wire_to(base_url) as wire:
        await wire.post(INTENTS, {"amount": "500", "currency": "eur"})
        await endpoint.got(1)
        clock.advance(timedelta(days=3, seconds=1))
        clock.wake.set()
        await delivered(wire)


async def test_what_was_not_delivered_survives_a_restart(tmp_path: Path) -> None:
    async with listening() as endpoint:
        pass
    # Nobody listens there now.
    running = running_sandbox(tmp_path, webhooks=endpoint.webhooks)
    async with running as base_url, wire_to(base_url) as wire:
        await wire.captured()
        assert len(await wire.events(delivery_success="false")) == 3
    async with listening() as endpoint:
        running = running_sandbox(tmp_path, webhooks=endpoint.webhooks)
        async with running as base_url, wire_to(base_url) as wire:
            await endpoint.got(3)
            await delivered(wire)
    assert sorted(endpoint.types) == sorted([CREATED, HELD, TAKEN])


async def test_what_was_delivered_is_not_delivered_again(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    for _ in range(2):
        running = running_sandbox(tmp_path, webhooks=endpoint.webhooks)
        async with running as base_url, wire_to(base_url) as wire:
            await wire.captured()
            await delivered(wire)

    assert len(endpoint.events) == 6


async def test_an_endpoint_can_be_set_while_it_runs(tmp_path: Path, endpoint: Endpoint) -> None:
    async with running_sandbox(tmp_path) as base_url, wire_to(base_url) as wire:
        intent = await wire.pay()
        said = await wire.control("webhooks", {"url": endpoint.url, "secret": WEBHOOK_SECRET})
        assert said.status == 200
        assert WEBHOOK_SECRET not in said.body["text"]
        await wire.post(f"{INTENTS}/{intent['id']}/capture")
        await delivered(wire)
        wrong = [
            await wire.control("webhooks", {"url": endpoint.url}),
            await wire.control("webhooks", {"url": "file:///etc", "secret": WEBHOOK_SECRET}),
        ]

    # What happened before is nobody's news.
    assert endpoint.types == [TAKEN]
    assert [each.status for each in wrong] == [400, 400]
    assert all(WEBHOOK_SECRET not in path.read_text() for path in tmp_path.iterdir())


async def test_a_lost_event_is_never_delivered(wire: Wire, endpoint: Endpoint) -> None:
    await wire.control("faults", [{"operation": "webhook", "kind": "lose", "nth": 2}])

    await wire.captured()

    await endpoint.got(2)
    await delivered(wire)
    assert sorted(endpoint.types) == sorted([CREATED, TAKEN])
    assert len(await wire.events()) == 3


async def test_an_event_is_delivered_many_times(wire: Wire, endpoint: Endpoint) -> None:
    fault = {"operation": "webhook", "kind": "repeat", "copies": 30, "order": "o1"}
    await wire.control("faults", [fault])

    await wire.pay()

    await endpoint.got(31)
    await delivered(wire)
    assert (endpoint.types.count(CREATED), endpoint.types.count(HELD)) == (30, 1)


async def test_an_event_waits_for_the_next_one(tmp_path: Path, endpoint: Endpoint) -> None:
    # Nothing but the next event ends the wait: this clock never does.
    running = running_sandbox(tmp_path, clock=HandClock(), webhooks=endpoint.webhooks)
    async with running as base_url, wire_to(base_url) as wire:
        await wire.control("faults", [{"operation": "webhook", "kind": "reverse", "times": 2}])
        intent = await wire.pay()
        await wire.post(f"{INTENTS}/{intent['id']}/capture")
        await endpoint.got(3)
        await delivered(wire)

    assert endpoint.types[0] == TAKEN
    assert sorted(endpoint.types) == sorted([CREATED, HELD, TAKEN])


async def test_an_event_that_waits_in_vain_is_delivered_late(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    clock = HandClock()
    clock.wake.set()
    running = running_sandbox(tmp_path, clock=clock, webhooks=endpoint.webhooks)
    async with running as base_url, wire_to(base_url) as wire:
        await wire.control("faults", [{"operation": "webhook", "kind": "reverse"}])
        await wire.post(INTENTS, {"amount": "500", "currency": "eur"})
        await endpoint.got(1)


async def test_an_event_is_delayed(tmp_path: Path, endpoint: Endpoint) -> None:
    clock = HandClock()
    running = running_sandbox(tmp_path, clock=clock, webhooks=endpoint.webhooks)
    async with running as base_url, wire_to(base_url) as wire:
        await wire.control("faults", [{"operation": "webhook", "kind": "delay", "seconds": 60}])
        await wire.pay()
        await endpoint.got(1)
        assert endpoint.types == [HELD]
        clock.wake.set()
        await endpoint.got(2)

    assert endpoint.types == [HELD, CREATED]


async def test_killed_and_started_again_it_delivers_what_it_had_acknowledged(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.answers = lambda _nth: 503
    async with sandbox_process(tmp_path, endpoint) as (process, base_url):
        async with wire_to(base_url) as wire:
            paid = [await wire.captured() for _ in range(5)]
        os.kill(process.pid, signal.SIGKILL)
    endpoint.events.clear()
    endpoint.answers = lambda _nth: 200
    async with (
        sandbox_process(tmp_path, endpoint) as (process, base_url),
        wire_to(base_url) as wire,
    ):
        await endpoint.got(15)
        await delivered(wire)

    taken = [event for event in endpoint.events if event["type"] == TAKEN]
    assert {event["data"]["object"]["id"] for event in taken} == {each["id"] for each in paid}


@pytest.mark.parametrize("secret", [None, " "])
async def test_an_endpoint_without_a_secret_is_one_line_and_2(
    tmp_path: Path, endpoint: Endpoint, secret: str | None
) -> None:
    async with sandbox_process(tmp_path, endpoint, secret=secret, ready=False) as (process, _):
        _, errors = await process.communicate()

    assert process.returncode == 2
    assert errors.decode().startswith("sandbox: SANDBOX_WEBHOOK_SECRET: expected")
