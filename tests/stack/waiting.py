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


def at_best(seconds: float, measure: Callable[[], float], tries: int = 4) -> None:
    """One of several tries takes at most as long: other tests on the same two cores make any
    single one late, and none of them early."""
    took: list[float] = []
    while not took or (took[-1] > seconds and len(took) < tries):
        took.append(measure())
    assert took[-1] <= seconds, f"took {took} s, not {seconds} s"


def watch(what: str, true: Callable[[], bool], seconds: float, pause: float = 0.2) -> None:
    """It stays true for as long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert true(), f"no longer true: {what}"
        time.sleep(pause)
