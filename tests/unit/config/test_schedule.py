"""Entries of `schedule`: what their days, times and zones mean."""

from __future__ import annotations

from typing import Any

import pytest

from service_management.config import Service
from tests.unit.config.samples import digits, file_of, found_in, parsed, service
from tests.unit.config.test_hostile import HOSTILE

ENTRY = {"from": "08:00", "to": "18:00", "min_replicas": 1}


def scheduled(**changes: Any) -> Service:
    return service(schedule=[{**ENTRY, **changes}], max_replicas=4)


@pytest.mark.parametrize(
    ("days", "weekdays"),
    [
        ("Mon", {0}),
        ("Mon-Fri", {0, 1, 2, 3, 4}),
        ("Mon,Wed-Fri", {0, 2, 3, 4}),
        ("Sat,Sun", {5, 6}),
        ("Fri-Mon", {4, 5, 6, 0}),
        ("Mon-Sun", set(range(7))),
        ("Wed-Wed", {2}),
        ("Mon,Mon-Tue", {0, 1}),
    ],
)
def test_days_are_days_of_the_week(days: str, weekdays: set[int]) -> None:
    (entry,) = scheduled(days=days).schedule
    assert entry.weekdays == weekdays


def test_hours_without_days_are_those_of_every_day() -> None:
    (entry,) = scheduled().schedule
    assert entry.weekdays == set(range(7))
    assert entry.timezone is None


def test_times_are_minutes_since_midnight() -> None:
    (entry,) = scheduled(**{"from": "00:00", "to": "24:00"}).schedule
    assert entry.minutes == (0, 1440)
    (entry,) = scheduled(**{"from": "22:30", "to": "06:05"}).schedule
    assert entry.minutes == (1350, 365)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", None])
def test_a_schedule_survives_being_stored_and_read_again(zone: str | None) -> None:
    made = scheduled(days="Mon-Fri", timezone=zone)
    assert Service.model_validate_json(made.model_dump_json()) == made


def test_an_entry_reads_like_a_timetable() -> None:
    (entry,) = scheduled(days="Mon-Fri", timezone="Europe/Berlin").schedule
    assert str(entry) == "Mon-Fri 08:00 to 18:00, Europe/Berlin"
    assert str(scheduled().schedule[0]) == "Mon-Sun 08:00 to 18:00"


@pytest.mark.parametrize("key", ["days", "from", "to", "timezone"])
def test_no_hostile_string_gets_into_a_schedule(key: str) -> None:
    for text in HOSTILE:
        for joined in (text, f"Mon{text}", f"08:00{text}", f"UTC{text}", f"{text}/UTC"):
            found = parsed(file_of(digits(schedule=[{**ENTRY, key: joined}])))
            assert isinstance(found, list), joined


def test_several_problems_of_a_schedule_are_found_in_one_run() -> None:
    entries = [{**ENTRY, "days": "x", "zone": "UTC"}, {"to": 8, "minimum": 1}]
    keys = {problem.key for problem in found_in(file_of(digits(schedule=entries)))}
    assert keys == {
        "schedule[0].days",
        "schedule[0].zone",
        "schedule[1].from",
        "schedule[1].to",
        "schedule[1].minimum",
    }
