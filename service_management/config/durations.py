"""Lengths of time as people write them: `10m`, `1h30m`, `90 s`, `00:10:00`."""

from __future__ import annotations

import re

NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
UNITS = {
    "ms": 0.001,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}
PART = re.compile(rf"({NUMBER.pattern}) ?([a-z]+),? ?", re.ASCII | re.IGNORECASE)
CLOCK = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{2})", re.ASCII)


def seconds(text: str) -> int | float | None:
    """None if the text is not a length of time."""
    text = text.strip()
    if NUMBER.fullmatch(text):
        return _whole(float(text))
    if found := CLOCK.fullmatch(text):
        return int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3])
    parts = list(PART.finditer(text))
    units = [UNITS.get(part[3].lower()) for part in parts]
    if not parts or None in units or "".join(part[0] for part in parts) != text:
        return None
    return _whole(
        sum(float(part[1]) * (unit or 0) for part, unit in zip(parts, units, strict=True))
    )


def clock(length: float) -> str:
    """As Slurm reads a time limit: hours, minutes, seconds."""
    minutes, rest = divmod(round(length), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


def _whole(number: float) -> int | float:
    return int(number) if number.is_integer() else round(number, 6)
