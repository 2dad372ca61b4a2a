"""What happens after a failure: one supervisor a service, so that a failing one stays alone.

A domain "no" is not a failure, nor is a failed ask, nor a store out of reach. Any other exception
is: the actor's memory is dropped and reloaded from the last durable state, after a pause that
doubles with each failure in a row. A durable message that keeps failing is tried again later and
later, and then parked with its error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

import structlog

from actors.ref import Ref
from actors.store import InboxRow
from actors.telemetry import Telemetry

__all__ = ["ServiceHealth", "Supervisor"]

log = structlog.get_logger("actors.supervisor")

# A failing actor is tried again at once the first time - most failures do not repeat - and then
# after 0.1 s, doubling to half a minute, which is as long as anybody should wait for a mended one.
RESTART_FIRST_SECONDS: Final = 0.1
RESTART_MAX_SECONDS: Final = 30.0

# Eight tries span about a minute: longer than a restart of anything this system depends on.
ATTEMPTS_MAX: Final = 8
RETRY_FIRST_SECONDS: Final = 0.2
RETRY_MAX_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """What the inspection page says about a service."""

    service: str
    restarts: int
    parked: int
    last_error: str | None


class Supervisor:
    """Counts the failures of one service and says how long to wait after each."""

    def __init__(self, service: str, dice: Random, telemetry: Telemetry) -> None:
        self.service = service
        self._dice = dice
        self._restarts = telemetry.restarts.labels(service=service)
        self._parked = telemetry.parked.labels(service=service)
        self._in_a_row: dict[Ref, int] = {}
        self._health = ServiceHealth(service, 0, 0, None)

    @property
    def health(self) -> ServiceHealth:
        return self._health

    def crashed(self, ref: Ref, cause: str, error: Exception) -> float:
        """Note that *ref* failed handling *cause*; the seconds to wait before its next message."""
        failures = self._in_a_row.get(ref, 0) + 1
        self._in_a_row[ref] = failures
        self._restarts.inc()
        health = self._health
        last = f"{ref}: {type(error).__name__}: {error}"
        self._health = ServiceHealth(self.service, health.restarts + 1, health.parked, last)
        log.error("actor.crashed", actor=str(ref), cause=cause, failures=failures, exc_info=error)
        if failures == 1:
            return 0.0
        return min(RESTART_FIRST_SECONDS * 2.0 ** (failures - 2), RESTART_MAX_SECONDS)

    def worked(self, ref: Ref) -> None:
        """*ref* handled a message; what it failed at before is forgiven."""
        if self._in_a_row:
            self._in_a_row.pop(ref, None)

    def retry_after(self, row: InboxRow) -> timedelta:
        """How long to set aside a durable message that failed (again); jittered by a fifth."""
        seconds = min(RETRY_FIRST_SECONDS * 2.0**row.attempts, RETRY_MAX_SECONDS)
        return timedelta(seconds=seconds * self._dice.uniform(0.8, 1.2))

    def must_park(self, row: InboxRow, *, parks: bool) -> bool:
        """Whether *row* has failed often enough to be set aside for good."""
        if not parks or row.attempts + 1 < ATTEMPTS_MAX:
            return False
        self._parked.inc()
        health = self._health
        self._health = ServiceHealth(
            self.service, health.restarts, health.parked + 1, health.last_error
        )
        return True


Supervisors = Mapping[str, Supervisor]
