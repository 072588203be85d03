"""Which windows of a schedule are open, and what they ask for."""

from __future__ import annotations

import pytest

from service_management.lifecycle.schedules import WallTime, WarmHours, warmest

MON, TUE, WED, THU, FRI, SAT, SUN = range(7)
HOUR = 60


def hours(
    days: set[int], start: float, end: float, least: int = 1, zone: str | None = None
) -> WarmHours:
    return WarmHours(frozenset(days), int(start * HOUR), int(end * HOUR), least, zone)


WORK = hours({MON, TUE, WED, THU, FRI}, 8, 18)
NIGHT = hours({FRI, SUN}, 22, 6)
ALL_DAY = hours({SAT}, 0, 24)
FROM_MIDNIGHT_TO_MIDNIGHT = hours({SAT}, 12, 0)


@pytest.mark.parametrize(
    ("window", "day", "hour", "is_open"),
    [
        (WORK, MON, 7.99, False),
        (WORK, MON, 8, True),
        (WORK, FRI, 17.99, True),
        (WORK, FRI, 18, False),
        (WORK, SAT, 12, False),
        (NIGHT, FRI, 21.99, False),
        (NIGHT, FRI, 22, True),
        (NIGHT, SAT, 5.99, True),
        (NIGHT, SAT, 6, False),
        (NIGHT, SAT, 22, False),
        (NIGHT, FRI, 5, False),
        (NIGHT, MON, 0, True),  # from Sunday on
        (NIGHT, SUN, 5, False),
        (ALL_DAY, SAT, 0, True),
        (ALL_DAY, SAT, 23.99, True),
        (ALL_DAY, SUN, 0, False),
        (ALL_DAY, FRI, 23.99, False),
        (FROM_MIDNIGHT_TO_MIDNIGHT, SAT, 23.99, True),
        (FROM_MIDNIGHT_TO_MIDNIGHT, SUN, 0, False),
    ],
)
def test_a_window_is_open_from_its_start_to_its_end(
    window: WarmHours, day: int, hour: float, is_open: bool
) -> None:
    assert window.includes(WallTime(day, int(hour * HOUR))) == is_open


def test_of_several_windows_the_largest_number_counts() -> None:
    schedule = [WORK, hours({MON}, 9, 10, least=4), hours({MON}, 9, 12, least=2)]
    asked = [warmest(schedule, {None: WallTime(MON, hour * HOUR)}) for hour in (7, 8, 9, 11, 12)]
    assert [window and window.min_replicas for window in asked] == [None, 1, 4, 2, 1]


def test_each_window_has_the_clock_of_its_zone() -> None:
    clocks = {None: WallTime(MON, 7 * HOUR), "Europe/Berlin": WallTime(MON, 8 * HOUR)}
    there = hours({MON}, 8, 9, zone="Europe/Berlin")
    assert warmest([WORK, there], clocks) is there
    assert warmest([WORK], clocks) is None


def test_no_schedule_asks_for_nothing() -> None:
    assert warmest([], {}) is None
