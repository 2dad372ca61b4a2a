"""What happens after a failure: one supervisor a service, so that a failing one stays alone.

A domain "no" is not a failure, nor is a failed ask, nor a store out of reach. Any other exception
is: the actor's memory is dropped and reloaded from the last durable state. Three things keep the
harm small, each wider than the one before:

- *back-off*: an actor that fails again and again is left alone for a while that doubles each time;
- *quarantine*: one that fails too often, whatever it does in between, is left alone for a minute,
  and then one message is let through to see;
- *degraded*: when many actors of a service fail, the service refuses at once, and lets one message
  a second through to see; it recovers when a few of those in a row succeed.

Whoever is refused so is told "not executed, try again after". A durable message waits in the inbox;
one that keeps *failing* is tried later and later, and then parked with its error.
"""

import traceback
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

import structlog

from actors.clock import Clock
from actors.doing import named
from actors.errors import HeldError
from actors.ref import Ref
from actors.store import InboxRow
from actors.telemetry import Telemetry

__all__ = ["Crash", "ServiceHealth", "Supervisor"]

log = structlog.get_logger("actors.supervisor")

# A failing actor is tried again at once the first time - most failures do not repeat - and then
# after 0.1 s, doubling to half a minute, which is as long as anybody should wait for a mended one.
BACK_OFF_FIRST_SECONDS: Final = 0.1
BACK_OFF_MAX_SECONDS: Final = 30.0

# More than five failures a minute are no accident.
QUARANTINE_AFTER: Final = 5
QUARANTINE_WINDOW_SECONDS: Final = 60.0
QUARANTINE_SECONDS: Final = 60.0

# Fifty different actors in half a minute: not their states are wrong, but the code.
DEGRADED_AFTER_ACTORS: Final = 50
DEGRADED_WINDOW_SECONDS: Final = 30.0
PROBE_EVERY_SECONDS: Final = 1.0
PROBES_TO_RECOVER: Final = 3

# Eight tries span about a minute, or three where the actor is quarantined in between: longer than a
# restart of anything this system depends on.
ATTEMPTS_MAX: Final = 8
RETRY_FIRST_SECONDS: Final = 0.2
RETRY_MAX_SECONDS: Final = 60.0

# Actors whose failures are remembered; the longest ago is forgotten first.
TROUBLED_MAX: Final = 10_000

# Actors whose last traceback is kept, a few kilobytes each; the longest ago is forgotten first.
CRASHES_KEPT: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """How an actor failed last, for whoever has to mend it."""

    at: datetime
    cause: str
    """The message, by its wire name."""
    error: str
    traceback: str
    """Without the values of variables, which may be secrets."""
    restarts: int
    """How often it has failed since this process began, or since it was forgotten."""


@dataclass(slots=True)
class _Trouble:
    """What is remembered of an actor that failed."""

    in_a_row: int = 0
    failed_at: "deque[float]" = field(default_factory=lambda: deque(maxlen=QUARANTINE_AFTER))
    held_until: float = 0.0
    is_quarantined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHealth:
    """How a service is doing."""

    service: str
    is_degraded: bool
    quarantined: int
    restarts: int
    parked: int
    last_error: str | None


class Supervisor:
    """Decides who of one service may work, and counts failures."""

    def __init__(self, service: str, clock: Clock, dice: Random, telemetry: Telemetry) -> None:
        self.service = service
        self._clock = clock
        self._dice = dice
        self._telemetry = telemetry
        self._troubled: OrderedDict[Ref, _Trouble] = OrderedDict()
        self._failing: OrderedDict[Ref, float] = OrderedDict()
        self._crashes: OrderedDict[Ref, Crash] = OrderedDict()
        self._probe_at: float | None = None
        self._probes_passed = 0
        self._restarts = 0
        self._parked = 0
        self._last_error: str | None = None

    @property
    def health(self) -> ServiceHealth:
        return ServiceHealth(
            service=self.service,
            is_degraded=self._probe_at is not None,
            quarantined=sum(each.is_quarantined for each in self._troubled.values()),
            restarts=self._restarts,
            parked=self._parked,
            last_error=self._last_error,
        )

    def admit(self, ref: Ref) -> None:
        """Let *ref* handle a message.

        Raises:
            HeldError: it is left alone for now, or the whole service is.

        """
        if self._probe_at is None and not self._troubled:
            return
        now = self._clock.monotonic()
        trouble = self._troubled.get(ref)
        if trouble is not None and now < trouble.held_until:
            raise HeldError(f"{ref} keeps failing", retry_after=trouble.held_until - now)
        if self._probe_at is not None:
            if now < self._probe_at:
                raise HeldError(f"{self.service} is degraded", retry_after=self._probe_at - now)
            self._probe_at = now + PROBE_EVERY_SECONDS  # This message is the probe.

    def crashed(self, ref: Ref, cause: str, error: Exception) -> None:
        """Note that *ref* failed handling *cause*."""
        now = self._clock.monotonic()
        trouble = self._troubled.setdefault(ref, _Trouble())
        self._troubled.move_to_end(ref)
        if len(self._troubled) > TROUBLED_MAX:
            self._troubled.popitem(last=False)
        self._hold(ref, trouble, now)
        self._restarts += 1
        self._last_error = f"{ref}: {type(error).__name__}: {error}"
        self._remember(ref, cause, error)
        self._telemetry.restarts.labels(service=self.service).inc()
        log.error(
            "actor.crashed",
            actor=named(ref),
            cause=cause,
            failures=trouble.in_a_row,
            exc_info=error,
        )
        self._degrade_if_many(ref, now)
        self._show()

    def _remember(self, ref: Ref, cause: str, error: Exception) -> None:
        before = self._crashes.pop(ref, None)
        self._crashes[ref] = Crash(
            at=self._clock.now(),
            cause=cause,
            error=f"{type(error).__name__}: {error}",
            traceback="".join(traceback.format_exception(error)),
            restarts=1 if before is None else before.restarts + 1,
        )
        if len(self._crashes) > CRASHES_KEPT:
            self._crashes.popitem(last=False)

    @property
    def crashes(self) -> Mapping[Ref, Crash]:
        """How actors failed last, as far as that is remembered."""
        return self._crashes

    @property
    def troubled(self) -> Mapping[Ref, bool]:
        """The actors that are left alone for now, and whether each is in quarantine."""
        now = self._clock.monotonic()
        return {
            ref: trouble.is_quarantined
            for ref, trouble in self._troubled.items()
            if now < trouble.held_until
        }

    def forgive(self, ref: Ref) -> None:
        """Let *ref* work again at once: an operator says that it is mended."""
        self._failing.pop(ref, None)
        if self._troubled.pop(ref, None) is not None:
            log.info("actor.forgiven", actor=named(ref))
            self._show()

    def worked(self, ref: Ref) -> None:
        """*ref* handled a message to its end; what it failed at in a row is forgiven."""
        trouble = self._troubled.get(ref)
        if trouble is not None:
            trouble.in_a_row = 0
            is_old = self._clock.monotonic() - trouble.failed_at[-1] > QUARANTINE_WINDOW_SECONDS
            if trouble.is_quarantined or is_old:
                del self._troubled[ref]
                log.info("actor.recovered", actor=named(ref))
                self._show()
        if self._probe_at is not None:
            self._probes_passed += 1
            if self._probes_passed >= PROBES_TO_RECOVER:
                self._probe_at = None
                self._failing.clear()
                log.warning("service.recovered", service=self.service)
                self._show()

    def retry_after(self, row: InboxRow) -> timedelta:
        """How long to set aside a durable message that failed (again); jittered by a fifth."""
        # 2 ** 9 tenths of a second are past the longest wait already.
        seconds = min(RETRY_FIRST_SECONDS * 2.0 ** min(row.attempts, 9), RETRY_MAX_SECONDS)
        return timedelta(seconds=seconds * self._dice.uniform(0.8, 1.2))

    def must_park(self, row: InboxRow, *, parks: bool) -> bool:
        """Whether *row* has failed often enough to be set aside for good."""
        if not parks or row.attempts + 1 < ATTEMPTS_MAX:
            return False
        self._parked += 1
        self._telemetry.parked.labels(service=self.service).inc()
        return True

    def _hold(self, ref: Ref, trouble: _Trouble, now: float) -> None:
        trouble.in_a_row += 1
        trouble.failed_at.append(now)
        often = len(trouble.failed_at) == QUARANTINE_AFTER
        if often and now - trouble.failed_at[0] <= QUARANTINE_WINDOW_SECONDS:
            trouble.is_quarantined = True
        if trouble.is_quarantined:
            trouble.held_until = now + QUARANTINE_SECONDS
            log.error("actor.quarantined", actor=named(ref), seconds=QUARANTINE_SECONDS)
        elif trouble.in_a_row > 1:
            seconds = BACK_OFF_FIRST_SECONDS * 2.0 ** min(trouble.in_a_row - 2, 9)
            trouble.held_until = now + min(seconds, BACK_OFF_MAX_SECONDS)

    def _degrade_if_many(self, ref: Ref, now: float) -> None:
        self._failing[ref] = now
        self._failing.move_to_end(ref)
        while next(iter(self._failing.values())) < now - DEGRADED_WINDOW_SECONDS:
            self._failing.popitem(last=False)
        if self._probe_at is not None:
            self._probes_passed = 0
            self._probe_at = now + PROBE_EVERY_SECONDS
        elif len(self._failing) >= DEGRADED_AFTER_ACTORS:
            self._probes_passed = 0
            self._probe_at = now + PROBE_EVERY_SECONDS
            log.critical("service.degraded", service=self.service, failing=len(self._failing))

    def _show(self) -> None:
        health = self.health
        self._telemetry.quarantined.labels(service=self.service).set(health.quarantined)
        self._telemetry.degraded.labels(service=self.service).set(health.is_degraded)
