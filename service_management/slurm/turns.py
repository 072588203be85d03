"""A bound on how often something is done, for callers on several threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Turns:
    """Turns are at least `interval` seconds apart; a caller waits for its own."""

    def __init__(
        self,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval, self._clock, self._pause = interval, clock, pause
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._interval
        if turn > now:
            self._pause(turn - now)
