"""Traces: one from the request through every turn and commit to the push; off, they are not there.

The trace of a purchase is in docs/operations.md; `python -m tests.support.traces` writes it anew.
"""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog
from aiohttp import web
from opentelemetry.sdk.trace import ReadableSpan
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from actors.activation import Activation
from tests.functional.running_site import Site
from tests.support import postgres
from tests.support.traces import BLOCK, DOCUMENT, Traces, as_text, purchase, recording_site, shape
from tests.support.wait import until
from ticketing import tracing
from ticketing.logs import with_whereabouts
from ticketing.otel import OtelTracer
from ticketing.settings import Settings, SettingsError

RESERVED_SECONDS = 0.3


@pytest_asyncio.fixture
async def recorded(postgres_dsn: str) -> AsyncIterator[tuple[Site, Traces]]:
    with postgres.data_folder() as folder:
        async with recording_site(
            postgres_dsn, folder / "var", reservation_seconds=RESERVED_SECONDS
        ) as found:
            yield found


async def test_a_purchase_is_one_trace_a_request_as_the_document_shows_it(
    postgres_dsn: str,
) -> None:
    with postgres.data_folder() as folder:
        async with recording_site(postgres_dsn, folder / "var") as (site, traces):
            bought = await purchase(site, traces)
    found = BLOCK.search(DOCUMENT.read_text())
    assert found is not None
    assert shape(as_text(bought)) == shape(found[2])


async def test_a_timer_begins_a_trace_that_is_linked_to_the_turn_that_set_it(
    recorded: tuple[Site, Traces],
) -> None:
    site, traces = recorded
    ticket = await site.program().sells()
    buyer = site.program()
    await buyer.buys(ticket)
    asked = (await until(lambda: traces.named("POST /api/orders"), "the request"))[0]
    await until(lambda: _linked_to(traces, asked), "the end of the reservation")
    ended = _linked_to(traces, asked)[0]
    assert ended.context.trace_id != asked.context.trace_id
    assert (ended.attributes or {})["actor.sent"] == "inbox"
    assert ended.parent is None


async def test_a_callers_own_trace_is_linked_and_not_joined(
    recorded: tuple[Site, Traces],
) -> None:
    site, traces = recorded
    theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
    for given in (f"00-{theirs}-00f067aa0ba902b7-01", "nonsense", "00-x-y-z", "00-0-0-0"):
        await site.call("GET", "/api/tickets", headers={"traceparent": given})
    await site.call("GET", "/readyz")
    linked, *others = traces.named("GET /api/tickets")
    assert linked.parent is None
    assert f"{linked.links[0].context.trace_id:032x}" == theirs
    assert len(others) == 3
    assert not any(each.links for each in others)
    assert not traces.named("GET /readyz")


async def test_lines_say_what_they_belong_to(
    recorded: tuple[Site, Traces], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request's line its request; one inside a turn also the actor, the message, the trace."""
    site, _ = recorded
    ticket = await site.program().sells()

    async def broken(*_: object) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(Activation, "_handle", broken)
    for place in ("actors.supervisor.log", "web.middleware.log"):
        # Tests before may have had theirs say nothing (`quiet`), which it remembers.
        monkeypatch.setattr(place, structlog.get_logger(place))
    with capture_logs(processors=[with_whereabouts]) as lines:
        await site.program().call(
            "POST", "/api/orders", json={"ticketId": ticket["id"]}, headers={"X-Request-Id": "mine"}
        )
    crashed = next(line for line in lines if line["event"] == "actor.crashed")
    assert crashed["request_id"] == "mine"
    assert crashed["message"] == "orders.place"
    assert crashed["actor"].startswith("order/")
    answered = [line for line in lines if line.get("request_id") == "mine"][-1]
    assert answered["event"] == "request"
    assert answered["trace_id"] == crashed["trace_id"]
    assert "actor" not in answered
    assert answered["span_id"] != crashed["span_id"]


async def test_what_an_address_is_the_key_of_is_not_named(recorded: tuple[Site, Traces]) -> None:
    site, traces = recorded
    async with site.browser() as browser:
        assert (await browser.signs_up()).status == 201
        email = browser.email
    await until(lambda: traces.named("POST /api/users/signup"), "the request")
    assert any(span.name.startswith("account ") for span in traces.spans())
    assert not any(email in str(dict(span.attributes or {})) for span in traces.spans())


async def test_the_metrics_of_a_whole_site_are_valid(recorded: tuple[Site, Traces]) -> None:
    site, _ = recorded
    answer = await site.call("GET", "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.body)}
    assert all(family.documentation for family in families.values())
    for name in ("actors_ready", "actors_store_available"):
        assert [sample.value for sample in families[name].samples] == [1.0]
    for name in ("actors_inbox_parked", "actors_inbox_overdue", "ticketing_payments_unknown"):
        assert [sample.value for sample in families[name].samples] == [0.0]
    kinds = {sample.labels["kind"] for sample in families["actors_workers_waiting"].samples}
    assert kinds == {"hasher", "sweeper", "teller"}


async def test_nothing_is_imported_unless_traces_are_on() -> None:
    code = (
        "import sys, ticketing.__main__, ticketing.serve, web.app;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    async with tracing.tracer_for(Settings()) as tracer:
        assert tracer is None


async def test_traces_without_the_packages_are_refused_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "ticketing.otel", raising=False)
    monkeypatch.delattr("ticketing.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(SettingsError, match=r"TICKETING_TRACES: expected .*ticketing\[otel\]"):
        async with tracing.tracer_for(Settings(traces=True)):
            pass


async def test_spans_go_to_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        received.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        async with tracing.tracer_for(Settings(traces=True)) as tracer:
            assert isinstance(tracer, OtelTracer)
            tracer.begin("a span of ours", None).end()
    finally:
        await runner.cleanup()
    assert b"a span of ours" in b"".join(received)
    assert b"ticketing" in b"".join(received)


async def test_a_collector_that_is_away_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    caplog.set_level(logging.CRITICAL)
    async with tracing.tracer_for(Settings(traces=True)) as tracer:
        assert tracer is not None
        tracer.begin("lost", None).end()


async def test_only_so_many_timers_are_remembered(
    recorded: tuple[Site, Traces], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketing.otel._KEPT_MAX", 2)
    site, traces = recorded
    for _ in range(4):
        await site.program().buys(await site.program().sells())
    assert len(traces.tracer._kept) <= 2


def _linked_to(traces: Traces, root: ReadableSpan) -> list[ReadableSpan]:
    """The spans of other traces that are linked to one of the trace of *root*."""
    trace_id = root.context.trace_id
    return [
        span
        for span in traces.spans()
        if any(link.context.trace_id == trace_id for link in span.links)
    ]
