"""Days of the week, times of day and time zones, as `schedule` has them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from .config_problem import nearest

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = f"({'|'.join(WEEKDAYS)})"
DAYS_PATTERN = f"^{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*$"
FROM_PATTERN = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
TO_PATTERN = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
ZONE_PATTERN = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"
DAY_WORDS = {
    **dict.fromkeys(("weekdays", "workdays", "weekday"), "Mon-Fri"),
    **dict.fromkeys(("weekend", "weekends"), "Sat-Sun"),
    **dict.fromkeys(("daily", "everyday", "every day", "all", "*"), "Mon-Sun"),
}


def weekdays(days: str) -> frozenset[int]:
    """Of `Mon,Wed-Fri`: 0 is Monday. `Fri-Mon` goes over the weekend."""
    found: set[int] = set()
    for part in days.split(","):
        first, _, last = part.partition("-")
        begin = WEEKDAYS.index(first)
        length = (WEEKDAYS.index(last or first) - begin) % 7 + 1
        found.update((begin + day) % 7 for day in range(length))
    return frozenset(found)


def near_days(value: Any) -> str | None:
    """Whole words, other languages' beginnings, other dashes, a list."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ",".join(value)
    if not isinstance(value, str):
        return None
    text = value.strip().lower()
    if text in DAY_WORDS:
        return DAY_WORDS[text]
    text = re.sub(r"\s*(?:to|–|—|-)\s*", "-", text)
    parts = re.split(r"[\s,;]+", text)
    return ",".join("-".join(map(_near_day, part.split("-"))) for part in parts)


def _near_day(word: str) -> str:
    """The day that begins like the word, if only one does."""
    like = [day for day in WEEKDAYS if word and day.lower().startswith(word[:3])]
    return like[0] if len(like) == 1 else "?"


def minutes(time: str) -> int:
    """Since midnight, of `18:30`."""
    hour, _, minute = time.partition(":")
    return int(hour) * 60 + int(minute)


def near_time(value: Any) -> str | None:
    """`8`, `8:00`, `8.30`, `0830`, `08:30:00`, `6pm`."""
    text = str(value).strip().lower() if type(value) in (int, str) else ""
    found = re.fullmatch(r"([0-9]{1,2})(?:[:.h]?([0-9]{2}))?(?::00)? ?(am|pm)?", text, re.ASCII)
    if not found:
        return None
    hour = int(found[1]) % 12 + 12 * (found[3] == "pm") if found[3] else int(found[1])
    return f"{hour:02}:{found[2] or '00'}"


def time_zone(name: str) -> str:
    """Raises ValueError for a name that this machine's tz database does not have."""
    try:
        ZoneInfo(name)
    except (OSError, KeyError) as error:  # a directory of the database; none with this name
        raise ValueError(name) from error
    return name


def near_zone(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    city = re.sub(r"[\s_]+", "_", value.strip()).lower()
    same = [zone for zone in _zones() if zone.lower().rpartition("/")[2] == city]
    return min(same, key=len) if same else nearest(value, _zones(), cutoff=80)


@cache
def _zones() -> list[str]:
    """Reads some hundred files."""
    return sorted(available_timezones())
