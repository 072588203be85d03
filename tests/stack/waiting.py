"""Tests wait for something to be true, within a bound; they never just sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T], seconds: float = 20.0, pause: float = 0.05) -> T:
    """The first true value of `look`; what it saw last where it never was."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() >= end:
            raise AssertionError(f"not within {seconds} s: {what}; last seen: {seen!r}")
        time.sleep(pause)


def median_within(seconds: float, measure: Callable[[], float], tries: int = 3) -> None:
    """Most of the tries take at most as long. One may be late, because other tests run on the same
    cores. It ends as soon as the outcome is certain."""
    took: list[float] = []
    majority = tries // 2 + 1
    while True:
        took.append(measure())
        in_time = sum(each <= seconds for each in took)
        if in_time >= majority:
            return
        assert len(took) - in_time < majority, f"took {took} s, not {seconds} s"


def watch(what: str, true: Callable[[], bool], seconds: float, pause: float = 0.2) -> None:
    """It stays true for as long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert true(), f"no longer true: {what}"
        time.sleep(pause)
