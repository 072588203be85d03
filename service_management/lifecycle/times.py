"""Records on another clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

_T = TypeVar("_T")


def moved(value: _T, seconds: float, *names: str) -> _T:
    """With these times on a clock that is so many seconds ahead. One that is not set stays so."""
    if value is None:
        return value
    times = {name: time + seconds for name in names if (time := getattr(value, name))}
    return replace(value, **times)  # type: ignore[type-var]
