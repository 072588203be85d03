"""Waiting where a person watches: what is waited for is said when it takes longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from service_management.native import interruption

T = TypeVar("T")
Say = Callable[[str], None]
FIRST_WORD, NEXT_WORD = 2.0, 10.0


def wait(look: Callable[[], T], seconds: float, what: str, say: Say, pause: float = 0.05) -> T:
    """The first true value; the last one where it never was."""
    begun = time.monotonic()
    word_at = begun + FIRST_WORD
    while not (seen := look()):
        now = time.monotonic()
        if now - begun >= seconds:
            break
        if now >= word_at:
            say(f"waiting for {what} ({now - begun:.0f} s)")
            word_at = now + NEXT_WORD
        interruption.check()
        time.sleep(pause)
    interruption.check()
    return seen
