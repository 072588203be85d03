"""The least number of replicas that a schedule asks for at a given hour.

Windows are compared with the wall clock of their time zone, which the caller reads: `lifecycle`
opens no files, and a zone's rules are files. So a change to or from daylight-saving time needs no
rule here: a window lasts an hour less or more on that day if the change is inside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

DAY_MINUTES = 24 * 60


class WallTime(NamedTuple):
    weekday: int  # 0: Monday
    minute: int  # since midnight


@dataclass(frozen=True)
class WarmHours:
    """One entry of `schedule`. A window that does not end after it begins ends on the next day."""

    weekdays: frozenset[int]  # on which it begins
    start: int  # minutes since midnight
    end: int  # up to 24 * 60, itself outside
    min_replicas: int
    timezone: str | None  # None: that of the gateway
    text: str = ""  # as people read it

    def includes(self, at: WallTime) -> bool:
        today = at.weekday in self.weekdays
        if self.start < self.end:
            return today and self.start <= at.minute < self.end
        yesterday = (at.weekday - 1) % 7 in self.weekdays
        return (today and at.minute >= self.start) or (yesterday and at.minute < self.end)


def warmest(
    schedule: Iterable[WarmHours], clocks: Mapping[str | None, WallTime]
) -> WarmHours | None:
    """Of the windows that are open, the one that asks for most. `clocks`: by time zone."""
    is_open = [hours for hours in schedule if hours.includes(clocks[hours.timezone])]
    return max(is_open, key=lambda hours: hours.min_replicas, default=None)
