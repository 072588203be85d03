"""Durations and points in time, as people read them. Pure, but for the reader's time zone.

Durations have the units that kubectl chooses: one, or two where the second still matters.
"""

from __future__ import annotations

import math
import time

MINUTE, HOUR, DAY = 60, 3600, 86400
# Below so many seconds: the unit, and the smaller one that is shown with it.
_UNITS: tuple[tuple[float, int, int], ...] = (
    (2 * MINUTE, 1, 1),
    (10 * MINUTE, MINUTE, 1),
    (3 * HOUR, MINUTE, MINUTE),
    (8 * HOUR, HOUR, MINUTE),
    (2 * DAY, HOUR, HOUR),
    (8 * DAY, DAY, HOUR),
    (math.inf, DAY, DAY),
)
_NAMES = {1: "s", MINUTE: "min", HOUR: "h", DAY: "d"}


def duration(seconds: float) -> str:
    """For what has passed: rounded down, as ages are."""
    return _words(math.floor(max(0.0, seconds)))


def at_most(seconds: float) -> str:
    """For what is promised: rounded up, so that the moment is not later than it says."""
    whole = max(1, math.ceil(seconds))
    _, smallest = _units_for(whole)
    return _words(math.ceil(whole / smallest) * smallest)


def age(seconds: float) -> str:
    """The same as `duration` in a column of a table: 45s, 3m20s, 5h."""
    return duration(seconds).replace("min", "m").replace(" ", "")


def moment(at: float, now: float) -> str:
    """The hour in this machine's time zone and, where that differs, in UTC; the day if it is not
    today: `22:40 CET (21:40 UTC)`."""
    return _local(at, now, "%H:%M")


def clock(at: float, now: float) -> str:
    """The same with seconds, for what has happened."""
    return _local(at, now, "%H:%M:%S")


def _local(at: float, now: float, pattern: str) -> str:
    here, utc = time.localtime(at), f"{time.strftime(pattern, time.gmtime(at))} UTC"
    day = "" if here[:3] == time.localtime(now)[:3] else time.strftime("%Y-%m-%d ", here)
    if here.tm_gmtoff == 0:
        return f"{day}{utc}"
    return f"{day}{time.strftime(pattern, here)} {here.tm_zone} ({utc})"


def _units_for(seconds: int) -> tuple[int, int]:
    return next((unit, smaller) for below, unit, smaller in _UNITS if seconds < below)


def _words(seconds: int) -> str:
    unit, smaller = _units_for(seconds)
    whole, rest = divmod(seconds, unit)
    text, minor = f"{whole} {_NAMES[unit]}", rest // smaller
    return f"{text} {minor} {_NAMES[smaller]}" if minor else text
