"""Everything that administrators may call."""

from collections.abc import Sequence
from typing import Final

from web.admin import actions, actors, lists, overview, parked, refund
from web.routing import Route

__all__ = ["ROUTES"]

ROUTES: Final[Sequence[Route]] = (
    *overview.ROUTES,
    *actors.ROUTES,
    *actions.ROUTES,
    *lists.ROUTES,
    *parked.ROUTES,
    *refund.ROUTES,
)
