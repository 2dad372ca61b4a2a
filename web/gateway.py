"""What the handlers work with: one frozen object, made once, kept in the application."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Self

from aiohttp import web

from actors import Gatherer, Runtime
from ticketing.auth.tokens import Tokens
from ticketing.reads import Reads
from ticketing.settings import Settings
from ticketing.tickets import queries
from ticketing.values import TicketId, UserId
from ticketing.vault import Vault
from web.attempts import Attempts
from web.auth import Verifier
from web.metrics import HttpMetrics
from web.reservations import InFlight

__all__ = ["GATEWAY", "Gateway"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """The collaborators of every handler."""

    runtime: Runtime
    """Decides: every change is asked of an actor."""
    reads: Reads
    """Shows: every page is SQL."""
    settings: Settings
    tokens: Tokens
    vault: Vault
    verifier: Verifier
    metrics: HttpMetrics
    in_flight: InFlight
    attempts: Attempts
    reserved: Gatherer[UserId, dict[TicketId, datetime]]
    """The tickets that a user holds at the moment, and until when."""
    stripe_base: str | None
    """Where the payment provider is, if it is not Stripe itself."""

    @classmethod
    def of(
        cls, runtime: Runtime, reads: Reads, settings: Settings, *, stripe_base: str | None
    ) -> Self:
        """All that the handlers need, out of what runs behind them."""
        tokens = Tokens(
            settings.jwt_key,
            settings.jwt_key_previous or None,
            settings.jwt_issuer,
            settings.jwt_audience,
            runtime.clock,
        )
        return cls(
            runtime=runtime,
            reads=reads,
            settings=settings,
            tokens=tokens,
            vault=Vault(settings.data_keys),
            verifier=Verifier(tokens, runtime.clock),
            metrics=HttpMetrics(),
            in_flight=InFlight(),
            attempts=Attempts(runtime.clock),
            reserved=runtime.gatherer(partial(queries.reserved_by, reads)),
            stripe_base=stripe_base,
        )


GATEWAY: Final = web.AppKey("GATEWAY", Gateway)
