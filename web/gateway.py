"""What the handlers work with: one frozen object, made once, kept in the application."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from aiohttp import web

from actors import Gatherer, Runtime
from actors.link import Link
from actors.remote_inspection import Nodes
from actors.stored import StoredActors
from ticketing.auth import endings
from ticketing.auth.tokens import Tokens
from ticketing.bootstrap import SERVICES, STATE_TYPES, TABLES, nodes_of
from ticketing.reads import Reads
from ticketing.settings import Settings
from ticketing.vault import Vault
from web.admin import together
from web.admin.desk import Desk
from web.admin.watching import Watching
from web.auth import Verifier
from web.limits import Limiter
from web.live.admission import Admission
from web.live.hub import Hub
from web.live.sources import read
from web.metrics import HttpMetrics, InboxMetrics
from web.readiness import Readiness
from web.reservations import InFlight, Purchase, Standing, standings
from web.revocations import Revocations

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
    revocations: Revocations
    """Knows which sessions are over."""
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
    readiness: Readiness
    """Knows whether this process can serve."""
    shares_port: bool
    """Whether other processes answer at the same address."""

    @classmethod
    def of(
        cls,
        runtime: Runtime,
        reads: Reads,
        settings: Settings,
        *,
        stripe_base: str | None,
        link: Link | None = None,
        nodes: Nodes | None = None,
        shares_port: bool = False,
    ) -> Self:
        """All that the handlers need, out of what runs behind them.

        *link* is the line to other processes, if there are any; *nodes* looks into them. If it
        *shares_port*, whoever asks for metrics means those of all.
        """
        tokens = Tokens(
            settings.jwt_key,
            settings.jwt_key_previous or None,
            settings.jwt_issuer,
            settings.jwt_audience,
            runtime.clock,
        )
        limiter = Limiter(reads, runtime, is_on=settings.rate_limits)
        vault = Vault(settings.data_keys)
        revocations = Revocations(
            runtime.bus,
            runtime.clock,
            since=partial(endings.since, reads),
            write=partial(endings.end, reads),
            forget=partial(endings.forget, reads),
            link=link,
        )
        live = Hub(
            bus=runtime.bus,
            clock=runtime.clock,
            ids=runtime.ids,
            vault=vault,
            loader=runtime.gatherer(partial(read, reads)),
            revocations=revocations,
            admission=Admission(limits_per_client=settings.rate_limits),
            link=link,
            tracer=runtime.tracer,
        )
        stored = StoredActors(reads, STATE_TYPES, TABLES)
        nodes = nodes or nodes_of(runtime, services=SERVICES, link=None)
        desk = Desk(runtime, reads, stored, nodes)
        live.looks.looker = Watching(desk, runtime.clock)
        gateway = cls(
            runtime=runtime,
            reads=reads,
            settings=settings,
            tokens=tokens,
            vault=vault,
            verifier=Verifier(tokens, runtime.clock, revocations.cover),
            revocations=revocations,
            metrics=HttpMetrics(),
            inbox=InboxMetrics(runtime.clock, stored.parked_overdue),
            in_flight=InFlight(),
            limiter=limiter,
            standings=runtime.gatherer(partial(standings, reads, limiter)),
            live=live,
            desk=desk,
            stripe_base=stripe_base,
            readiness=Readiness(runtime=runtime, reads=reads, link=link),
            shares_port=shares_port,
        )
        nodes.count(gateway.counts)
        nodes.exposition = gateway.exposition
        return gateway

    def counts(self) -> Mapping[str, int]:
        """What administrators see of this gateway."""
        return {together.SOCKETS: len(self.live.sockets), together.TOPICS: len(self.live.topics)}

    async def exposition(self) -> bytes:
        """The metrics of this process, in Prometheus' text format."""
        await self.inbox.measure()
        return self.metrics.exposition(
            self.inbox.registry, self.runtime.metrics, self.live.metrics.registry
        )


GATEWAY: Final = web.AppKey("GATEWAY", Gateway)
