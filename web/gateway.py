"""What the handlers work with: one frozen object, made once, kept in the application."""

from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from aiohttp import web

from actors import Gatherer, Runtime
from actors.stored import StoredActors
from ticketing.auth.tokens import Tokens
from ticketing.bootstrap import STATE_TYPES, TABLES
from ticketing.reads import Reads
from ticketing.settings import Settings
from ticketing.vault import Vault
from web.admin.desk import Desk
from web.admin.watching import Watching
from web.auth import Verifier
from web.limits import Limiter
from web.live.admission import Admission
from web.live.hub import Hub
from web.live.sources import read
from web.metrics import HttpMetrics, InboxMetrics
from web.reservations import InFlight, Purchase, Standing, standings

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
    inbox: InboxMetrics
    in_flight: InFlight
    limiter: Limiter
    standings: Gatherer[Purchase, Standing]
    """What decides whether a buyer may try to buy: looked up for all who ask at one moment."""
    live: Hub
    """Tells browsers and programs what has been committed."""
    desk: Desk
    """Shows administrators what goes on inside."""
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
        limiter = Limiter(reads, runtime, is_on=settings.rate_limits)
        vault = Vault(settings.data_keys)
        live = Hub(
            bus=runtime.bus,
            clock=runtime.clock,
            ids=runtime.ids,
            vault=vault,
            loader=runtime.gatherer(partial(read, reads)),
            admission=Admission(limits_per_client=settings.rate_limits),
            tracer=runtime.tracer,
        )
        stored = StoredActors(reads, STATE_TYPES, TABLES)
        desk = Desk(runtime, reads, stored, live)
        live.looks.looker = Watching(desk)
        return cls(
            runtime=runtime,
            reads=reads,
            settings=settings,
            tokens=tokens,
            vault=vault,
            verifier=Verifier(tokens, runtime.clock),
            metrics=HttpMetrics(),
            inbox=InboxMetrics(runtime.clock, stored.parked_overdue),
            in_flight=InFlight(),
            limiter=limiter,
            standings=runtime.gatherer(partial(standings, reads, limiter)),
            live=live,
            desk=desk,
            stripe_base=stripe_base,
        )


GATEWAY: Final = web.AppKey("GATEWAY", Gateway)
