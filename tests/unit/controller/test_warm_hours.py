"""The time of day in a schedule's zone, across daylight-saving changes and midnight."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from service_management.controller.warm_hours import wall_time, warm_hours
from service_management.lifecycle.schedules import WarmHours
from tests.unit.controller.samples import configured

BERLIN = "Europe/Berlin"
MONDAY, SATURDAY, SUNDAY = 0, 5, 6


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "zone", "day", "clock"),
    [
        ("2026-11-27T07:59:59", BERLIN, 4, "8:59"),
        ("2026-06-29T22:00:00", BERLIN, 1, "0:00"),  # the next day there
        ("2026-06-29T03:30:00", "America/New_York", MONDAY - 1 + 7, "23:30"),  # the day before
        ("2026-06-29T03:30:00", "Asia/Kathmandu", MONDAY, "9:15"),
        ("2026-03-29T00:59:00", BERLIN, SUNDAY, "1:59"),
        ("2026-03-29T01:00:00", BERLIN, SUNDAY, "3:00"),  # there is no 2:30
        ("2026-10-25T00:30:00", BERLIN, SUNDAY, "2:30"),
        ("2026-10-25T01:30:00", BERLIN, SUNDAY, "2:30"),  # again
        ("2026-10-25T02:00:00", BERLIN, SUNDAY, "3:00"),
    ],
)
def test_the_clock_of_a_zone(moment: str, zone: str, day: int, clock: str) -> None:
    at = wall_time(zone, utc(moment))
    assert (at.weekday, f"{at.minute // 60}:{at.minute % 60:02}") == (day, clock)


@pytest.mark.parametrize(
    ("saturday", "length"), [("2026-11-21", 8), ("2026-03-28", 7), ("2026-10-24", 9)]
)
def test_a_night_with_a_change_is_an_hour_shorter_or_longer(saturday: str, length: int) -> None:
    night = WarmHours(frozenset({SATURDAY}), 22 * 60, 6 * 60, 1, BERLIN)
    noon = utc(f"{saturday}T12:00:00")
    moments = [noon + minute * 60 for minute in range(24 * 60)]
    is_open = [night.includes(wall_time(BERLIN, at)) for at in moments]
    assert sum(is_open) == length * 60


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_without_a_zone_it_is_that_of_the_gateway() -> None:
    assert wall_time(None, utc("2026-11-29T23:00:00")) == (MONDAY, 8 * 60)
    assert wall_time(BERLIN, utc("2026-11-29T23:00:00")) == (MONDAY, 0)


def test_the_hours_of_a_service_are_those_of_its_schedule() -> None:
    hours = {"days": "Mon-Fri", "from": "08:00", "to": "18:00", "timezone": BERLIN}
    service = configured("digits", max_replicas=2, schedule=[{**hours, "min_replicas": 2}])
    found = warm_hours(service, utc("2026-11-27T07:00:00"))
    assert found is not None
    assert (found.min_replicas, found.text) == (2, f"Mon-Fri 08:00 to 18:00, {BERLIN}")
    assert warm_hours(service, utc("2026-11-27T06:59:59")) is None
    assert warm_hours(configured("digits"), utc("2026-11-27T07:00:00")) is None
