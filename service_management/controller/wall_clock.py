"""The wall clocks of the time zones that schedules name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service_management.lifecycle.schedules import WallTime


def wall_times(zones: Iterable[str | None], now: float) -> dict[str | None, WallTime]:
    """By zone, at the moment `now` since the epoch; None: the zone of this machine."""
    moment = datetime.fromtimestamp(now, UTC)
    return {zone: _wall_time(moment.astimezone(ZoneInfo(zone) if zone else None)) for zone in zones}


def _wall_time(at: datetime) -> WallTime:
    return WallTime(at.weekday(), at.hour * 60 + at.minute)
