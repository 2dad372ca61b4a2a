"""What the handlers work with: one frozen object, made once, kept in the application."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web
from asyncpg import Pool, Record

from actors import Runtime
from ticketing.auth.tokens import Tokens
from ticketing.settings import Settings
from ticketing.vault import Vault
from web.auth import Verifier
from web.metrics import HttpMetrics
from web.reservations import InFlight

__all__ = ["GATEWAY", "Gateway"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """The collaborators of every handler."""

    runtime: Runtime
    """Decides: every change is asked of an actor."""
    database: "Pool[Record]"
    """Reads: every page is SQL."""
    settings: Settings
    tokens: Tokens
    vault: Vault
    verifier: Verifier
    metrics: HttpMetrics
    in_flight: InFlight


GATEWAY: Final = web.AppKey("GATEWAY", Gateway)
