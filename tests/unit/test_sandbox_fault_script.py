"""The sandbox's faults: what a script hits, and what the dice roll."""

from collections import Counter

import msgspec
import pytest

from ticketing.payments.sandbox.faults import Fault, Faults, Kind
from ticketing.payments.sandbox.weather import Forecast, Weather


def kinds(faults: Faults, *requests: tuple[str, str | None]) -> list[Kind | None]:
    hit = [faults.next(operation, order) for operation, order in requests]  # type: ignore[arg-type]
    return [None if fault is None else fault.kind for fault in hit]


def scripted(*faults: Fault) -> Faults:
    made = Faults()
    made.script(faults)
    return made


def test_a_fault_hits_the_nth_request_and_as_many_as_it_says() -> None:
    faults = scripted(Fault(operation="capture", kind=Kind.DROP_AFTER, nth=2, times=2))

    hit = kinds(faults, *[("create", None), *[("capture", None)] * 4])

    assert hit == [None, None, Kind.DROP_AFTER, Kind.DROP_AFTER, None]


def test_an_order_counts_its_own_requests() -> None:
    faults = scripted(
        Fault(operation="capture", order="o1", nth=2, kind=Kind.TRUNCATE),
        Fault(operation="any", nth=4, kind=Kind.DROP_BEFORE),
    )

    hit = kinds(
        faults,
        ("capture", "o2"),
        ("capture", "o1"),
        ("capture", None),
        ("retrieve", "o1"),
        ("capture", "o1"),
    )

    assert hit == [None, None, None, Kind.DROP_BEFORE, Kind.TRUNCATE]


def test_any_request_is_no_webhook() -> None:
    faults = scripted(Fault(operation="any", kind=Kind.DROP_BEFORE))

    assert kinds(faults, ("webhook", None), ("events", None)) == [None, Kind.DROP_BEFORE]


def rolled(seed: int, operation: str = "create", count: int = 1000) -> list[Fault | None]:
    faults = Faults()
    shares = {"delay": 0.1, "500": 0.05, "502_effect": 0.05, "webhook_lose": 0.2}
    forecast = msgspec.convert({"seed": seed, "shares": shares, "delay_seconds": 2.0}, Forecast)
    faults.weather = Weather(forecast)
    return [faults.next(operation) for _ in range(count)]  # type: ignore[arg-type]


def test_the_same_seed_is_the_same_storm() -> None:
    assert rolled(1) == rolled(1) != rolled(2)


def test_the_shares_are_what_was_asked_for() -> None:
    met = Counter(
        (fault.kind, fault.status if fault.kind is Kind.STATUS else 0, fault.effect)
        for fault in rolled(1)
        if fault is not None
    )

    assert met.keys() == {
        (Kind.DELAY, 0, False),
        (Kind.STATUS, 500, False),
        (Kind.STATUS, 502, True),
    }
    assert 70 < met[Kind.DELAY, 0, False] < 130
    assert {fault.kind for fault in rolled(1, "webhook") if fault is not None} == {Kind.LOSE}
    assert all(fault.seconds <= 2.0 for fault in rolled(1) if fault is not None)


def test_what_is_scripted_goes_first_and_a_browser_is_left_alone() -> None:
    faults = scripted(Fault(operation="create", kind=Kind.TRUNCATE))
    faults.weather = Weather(Forecast(shares={"drop_before": 1.0}))

    assert kinds(faults, ("create", None), ("create", None)) == [Kind.TRUNCATE, Kind.DROP_BEFORE]
    assert faults.next("retrieve", browser=True) is None


@pytest.mark.parametrize(
    "forecast",
    [
        {"shares": {"delay": 0.6, "500": 0.6}},
        {"shares": {"delay": -0.1}},
        {"shares": {"explode": 0.1}},
        {"delay_seconds": -1},
        {"sead": 1},
    ],
)
def test_a_forecast_is_checked(forecast: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(forecast, Forecast)
