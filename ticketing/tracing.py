"""Whether there are traces, and the payment provider's part in them.

Off, which is the default, nothing of OpenTelemetry is imported and it need not be installed. On
(`TICKETING_TRACES=on`), it is OpenTelemetry's own variables that say where traces go and how many:
docs/operations.md.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

from actors import failpoint, tracing
from actors.tracing import Span, Tracer
from ticketing.settings import Settings, SettingsError

__all__ = ["around_calls", "tracer_for"]

# The two moments around a call are in one task, with nothing of ours handed through.
_call: Final[ContextVar[Span | None]] = ContextVar("_call", default=None)


@asynccontextmanager
async def tracer_for(settings: Settings) -> AsyncIterator[Tracer | None]:
    """Who is told of all work while the context lasts; None without traces.

    Raises:
        SettingsError: traces are wanted, and what they need is not installed.

    """
    if not settings.traces:
        yield None
        return
    try:
        from ticketing import otel  # noqa: PLC0415 - only if it is wanted
    except ImportError as error:
        expected = "the packages of ticketing[otel] with it"
        raise SettingsError("TICKETING_TRACES", expected, f"no {error.name}") from None
    async with otel.exporting() as tracer:
        yield tracer


def around_calls(tracer: Tracer | None) -> Callable[[str], None]:
    """What the transport calls around each of its calls: failpoints, and a span if wanted."""

    def around(moment: str) -> None:
        if tracer is not None:
            _mark(tracer, moment)
        failpoint(f"stripe.{moment}")

    return around


def _mark(tracer: Tracer, moment: str) -> None:
    operation, _, when = moment.partition(".")
    if when == "before":
        _call.set(tracing.begun(tracer, f"stripe {operation}", kind="client"))
    elif (span := _call.get()) is not None:
        span.end()
        _call.set(None)
