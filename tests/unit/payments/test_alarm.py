"""The alarm about captures that nobody knows the outcome of."""

from datetime import timedelta

from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.support.sandbox import HandClock
from ticketing.payments.alarm import CaptureAlarm
from ticketing.payments.outcomes import Happened
from ticketing.payments.queries import UnknownCaptures

TWO = UnknownCaptures(2, ("o1", "o2"))
NONE = UnknownCaptures(0, ())


def test_it_says_so_once_a_minute() -> None:
    clock = HandClock()
    alarm = CaptureAlarm(clock)
    with capture_logs() as lines:
        alarm.measured(NONE)
        for _ in range(8):  # Two minutes, by looks of fifteen seconds.
            alarm.measured(TWO)
            clock.advance(timedelta(seconds=15))

    assert [line["event"] for line in lines] == ["payments.captures_unknown"] * 2
    assert lines[0]["log_level"] == "error"
    assert (lines[0]["count"], lines[0]["oldest"]) == (2, ("o1", "o2"))


def test_the_gauge_shows_the_last_measure_while_it_is_this_nodes() -> None:
    clock = HandClock()
    alarm = CaptureAlarm(clock)
    registry = CollectorRegistry()
    registry.register(alarm.gauge)

    def shown() -> float | None:
        return registry.get_sample_value("ticketing_payments_unknown")

    assert shown() == 0
    alarm.measured(TWO)
    assert shown() == 2
    clock.advance(timedelta(minutes=2))
    assert shown() == 2
    clock.advance(timedelta(minutes=1))
    assert shown() == 0  # Another node looks now, and shows it.
    alarm.measured(TWO)
    alarm.measured(NONE)
    assert shown() == 0


def test_money_that_nobody_asked_for_is_told_of_once() -> None:
    clock = HandClock()
    alarm = CaptureAlarm(clock)
    taken = Happened(
        intent_id="pi_1", order_id="o1", status="succeeded", type="x", created=clock.now()
    )
    with capture_logs() as lines:
        alarm.unclaimed([taken])
        alarm.unclaimed([taken, replace(taken, is_refund=True)])

    assert [(line["event"], line["intent"], line["refund"]) for line in lines] == [
        ("payment.unclaimed", "pi_1", False),
        ("payment.unclaimed", "pi_1", True),
    ]
