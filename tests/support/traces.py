"""The spans of a purchase, and how they are written down.

    python -m tests.support.traces

buys a ticket on a site of its own and writes its trace into docs/operations.md anew.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.functional.running_site import Site, bearer, running
from tests.support import postgres
from tests.support.live import opened
from tests.support.wait import until
from ticketing.otel import OtelTracer

__all__ = [
    "BLOCK",
    "DOCUMENT",
    "Purchase",
    "Traces",
    "as_text",
    "purchase",
    "recording_site",
    "shape",
]

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "operations.md"
BLOCK: Final = re.compile(r"(<!-- trace -->\n```text\n)(.*?)(```\n)", re.DOTALL)

_NAME_WIDTH: Final = 58


class Traces:
    """What was exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = OtelTracer(provider)

    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def named(self, name: str, **notes: Any) -> list[ReadableSpan]:
        """Those of that name, with these attributes (`_` for a dot)."""
        wanted = {key.replace("_", "."): value for key, value in notes.items()}
        return [
            span
            for span in self.spans()
            if span.name == name
            and all((span.attributes or {}).get(key) == value for key, value in wanted.items())
        ]

    def of(self, root: ReadableSpan) -> list[ReadableSpan]:
        """The whole trace that *root* begins, in the order in which the spans began."""
        trace_id = root.context.trace_id
        mine = [span for span in self.spans() if span.context.trace_id == trace_id]
        return sorted(mine, key=lambda span: span.start_time or 0)


@dataclass(frozen=True)
class Purchase:
    """The two requests that a purchase is, with all that came of them."""

    order_id: str
    ordering: list[ReadableSpan]
    paying: list[ReadableSpan]


@asynccontextmanager
async def recording_site(
    dsn: str, folder: Path, **settings: Any
) -> AsyncIterator[tuple[Site, Traces]]:
    """A site whose traces are kept; the provider tells it nothing that it does not ask for."""
    traces = Traces()
    options = {"rate_limits": False, "webhooks": False, **settings}
    async with running(dsn, folder, tracer=traces.tracer, **options) as site:
        yield site, traces


async def purchase(site: Site, traces: Traces) -> Purchase:
    """One ticket, reserved, paid and watched by its buyer; returns when all is said and done."""
    seller, buyer = site.program(), site.program()
    ticket = await seller.sells("Semi-final", "19.99")
    async with opened(site.url, additional_headers=bearer(buyer.token)) as client:
        await client.sub("me", f"ticket:{ticket['id']}")
        order = await buyer.buys(ticket)
        await client.item(ticket["id"], status="reserved")
        paid = await buyer.pays(order)
        assert (paid.status, paid.body["status"]) == (201, "captured"), paid.body
        await client.item(order["id"], status="complete")
        await client.item(ticket["id"], status="sold")
    ordering = traces.named("POST /api/orders")[-1]
    paying = traces.named("POST /api/payments")[-1]
    await until(lambda: _is_whole(traces.of(paying)), "the trace is complete")
    return Purchase(order["id"], traces.of(ordering), traces.of(paying))


def _is_whole(spans: list[ReadableSpan]) -> bool:
    """Whether each span's parent has ended too, and the order is complete and told."""
    ids = {span.context.span_id for span in spans}
    facts = [str((span.attributes or {}).get("facts")) for span in spans]
    return (
        any("order.completed" in fact for fact in facts)
        and any(span.name == "live push" for span in spans)
        and all(span.parent is None or span.parent.span_id in ids for span in spans)
    )


def written(spans: Iterable[ReadableSpan]) -> str:
    """A trace as text: a line a span, those inside it below and further to the right."""
    inside: dict[int | None, list[ReadableSpan]] = {}
    for span in spans:
        inside.setdefault(None if span.parent is None else span.parent.span_id, []).append(span)
    (root,) = inside[None]
    began = root.start_time or 0
    lines: list[str] = []

    def write(span: ReadableSpan, depth: int) -> None:
        start, end = span.start_time or 0, span.end_time or 0
        head = "  " * depth + _said(span)
        after, took = (start - began) / 1e6, (end - start) / 1e6
        lines.append(f"{head:<{_NAME_WIDTH}} {after:8.1f} {took:8.1f}")
        for each in inside.get(span.context.span_id, ()):
            write(each, depth + 1)

    write(root, 0)
    return "\n".join(lines) + "\n"


def _said(span: ReadableSpan) -> str:
    notes = span.attributes or {}
    if "actor.sent" in notes:
        return f"{span.name} ({notes['actor.sent']!s}, {notes.get('actor.outcome')!s})"
    if span.name == "commit":
        facts = notes.get("facts", ())
        assert isinstance(facts, Sequence)
        return "commit " + ", ".join(str(fact) for fact in facts)
    if span.name == "live push":
        return f"live push {str(notes['topic']).partition(':')[0]}"
    return f"{span.name} {notes.get('http.response.status_code', '')!s}".rstrip()


def shape(text: str) -> list[str]:
    """*text* without its figures."""
    return [re.sub(r"( +\d+\.\d){2}$", "", line) for line in text.splitlines()]


def as_text(bought: Purchase) -> str:
    head = f"{'':<{_NAME_WIDTH}} {'at ms':>8} {'took ms':>8}\n"
    return head + written(bought.ordering) + "\n" + written(bought.paying)


async def _rewrite() -> None:
    async with postgres.databases() as databases:
        dsn = await databases.create()
        with postgres.data_folder() as folder:
            async with recording_site(dsn, folder / "var") as (site, traces):
                await purchase(site, traces)  # The first one finds nothing in memory.
                text = as_text(await purchase(site, traces))
    document = DOCUMENT.read_text()
    DOCUMENT.write_text(BLOCK.sub(lambda found: found[1] + text + found[3], document))


if __name__ == "__main__":
    asyncio.run(_rewrite())
