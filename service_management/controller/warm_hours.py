"""Which hours of a service's `schedule` it is now, by the wall clocks of their time zones."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service_management.config import Service
from service_management.lifecycle.schedules import WallTime, WarmHours, warmest


def warm_hours(service: Service, now: float) -> WarmHours | None:
    """`now`: seconds since the epoch, by the wall clock."""
    if not service.schedule:
        return None
    schedule = [
        WarmHours(entry.weekdays, *entry.minutes, entry.min_replicas, entry.timezone, str(entry))
        for entry in service.schedule
    ]
    return warmest(schedule, {hours.timezone: wall_time(hours.timezone, now) for hours in schedule})


def wall_time(zone: str | None, now: float) -> WallTime:
    """None: in the zone of this machine."""
    at = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone) if zone else None)
    return WallTime(at.weekday(), at.hour * 60 + at.minute)
