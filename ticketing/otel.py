"""Traces by OpenTelemetry; imported only if they are wanted (see `ticketing.tracing`).

Spans are made here with their parents given, so nothing depends on what OpenTelemetry itself takes
for current. Where they go, and how many of them, is said by its own environment variables.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from actors.doing import doing, named
from actors.mailbox import Envelope
from actors.message import wire_name
from actors.store import InboxRow
from actors.tracing import Note, Span
from actors.tracing import SpanKind as Kind

__all__ = ["OtelSpan", "OtelTracer", "exporting"]

# Timers that are not due yet, of which a trace may want to know; the oldest is forgotten first.
_KEPT_MAX: Final = 10_000

_KINDS: Final[dict[Kind, SpanKind]] = {
    "inside": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}

# https://www.w3.org/TR/trace-context/#traceparent-header: version, trace, parent, flags.
_PARENT_PARTS: Final = 4


class OtelSpan:
    """A span of OpenTelemetry's, with the face that the runtime knows."""

    __slots__ = ("span",)

    def __init__(self, span: trace.Span) -> None:
        self.span = span

    def note(self, name: str, value: Note) -> None:
        self.span.set_attribute(name, value)

    def fail(self, why: str) -> None:
        self.span.set_status(Status(StatusCode.ERROR, why))

    def end(self) -> None:
        self.span.end()

    @property
    def ids(self) -> tuple[str, str]:
        context = self.span.get_span_context()
        return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)


class OtelTracer:
    """Makes spans for what the runtime and the gateway do."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._tracer = provider.get_tracer("ticketing", version("ticketing"))
        self._kept: OrderedDict[str, SpanContext] = OrderedDict()

    def turn(self, envelope: Envelope) -> Span:
        row, message = envelope.row, wire_name(type(envelope.message))
        sent, links = "ask", []
        if row is not None:
            kept = self._kept.pop(row.id, None)
            # What was sent for now comes with its sender; all else has waited in the inbox.
            sent = "tell" if envelope.parent is not None else "inbox"
            if kept is not None and envelope.parent is None:
                links = [Link(kept)]
        notes: dict[str, Note] = {
            "actor.kind": envelope.ref.kind,
            "actor.ref": named(envelope.ref),
            "actor.message": message,
            "actor.sent": sent,
        }
        if row is not None and row.attempts:
            notes["actor.attempts"] = row.attempts
        if envelope.request_id is not None:
            notes["request.id"] = envelope.request_id
        name = f"{envelope.ref.kind} {message}"
        return self._begun(name, envelope.parent, SpanKind.INTERNAL, notes, links)

    def begin(
        self, name: str, parent: Span | None, *, kind: Kind = "inside", **notes: Note
    ) -> Span:
        return self._begun(name, parent, _KINDS[kind], notes)

    def linked(self, name: str, traceparent: str | None, **notes: Note) -> Span:
        outside = None if traceparent is None else _context(traceparent)
        links = [] if outside is None else [Link(outside)]
        return self._begun(name, None, SpanKind.SERVER, notes, links)

    def keep(self, rows: Iterable[InboxRow]) -> None:
        now = doing.get()
        if now is None or not isinstance(now.span, OtelSpan):
            return
        for row in rows:
            self._kept[row.id] = now.span.span.get_span_context()
        while len(self._kept) > _KEPT_MAX:
            self._kept.popitem(last=False)

    def _begun(
        self,
        name: str,
        parent: Span | None,
        kind: SpanKind,
        notes: dict[str, Note],
        links: Iterable[Link] = (),
    ) -> Span:
        # An empty context, since there may be a span that OpenTelemetry itself takes for current.
        around = Context()
        if isinstance(parent, OtelSpan):
            around = trace.set_span_in_context(parent.span, around)
        made = self._tracer.start_span(
            name, context=around, kind=kind, attributes=notes, links=tuple(links)
        )
        return OtelSpan(made)


@asynccontextmanager
async def exporting() -> AsyncIterator[OtelTracer]:
    """A tracer whose spans are sent by OTLP while the context lasts, and to the last at its end."""
    provider = TracerProvider(resource=_resource())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield OtelTracer(provider)
    finally:
        # It waits for the network, ten seconds at most.
        await asyncio.to_thread(provider.shutdown)


def _resource() -> Resource:
    said = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if "OTEL_SERVICE_NAME" in os.environ or "service.name=" in said:
        return Resource.create()
    return Resource.create({"service.name": "ticketing"})


def _context(traceparent: str) -> SpanContext | None:
    """What a caller says of its own span; None if it is nonsense."""
    parts = traceparent.split("-")
    if len(parts) < _PARENT_PARTS:
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:_PARENT_PARTS])
    except ValueError:
        return None
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & 1))
    return context if context.is_valid else None
