"""Who waits for a service: held requests, which are woken when its state changes, and open waiting
pages, which look again by themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class _Place:
    changed: threading.Condition = field(default_factory=threading.Condition)
    held: int = 0
    watched_until: float = 0.0


class Waiters:
    """One condition per route, so that a change wakes only the requests that wait for it."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()

    def held(self, route: str) -> int:
        place = self._places.get(route)
        return place.held if place else 0

    def watch(self, route: str, until: float) -> None:
        """A waiting page is open, and will look again before then."""
        place = self._place(route)
        with place.changed:
            place.watched_until = max(place.watched_until, until)

    def watched(self, route: str, now: float) -> bool:
        place = self._places.get(route)
        return place is not None and now < place.watched_until

    def routes(self) -> list[str]:
        """Those that a held request waits for."""
        return [route for route, place in list(self._places.items()) if place.held]

    def wake(self, route: str) -> None:
        if place := self._places.get(route):
            with place.changed:
                place.changed.notify_all()

    @contextmanager
    def holding(self, route: str) -> Iterator[None]:
        """A held request counts as demand for as long as this is open."""
        place = self._place(route)
        with place.changed:
            place.held += 1
        try:
            yield
        finally:
            with place.changed:
                place.held -= 1

    def wait(self, route: str, settled: Callable[[], bool], timeout: float) -> bool:
        """Wait until `settled`, which is asked again at each wake-up."""
        place, end = self._place(route), time.monotonic() + timeout
        with place.changed:
            while not settled():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                place.changed.wait(left)
        return True

    def _place(self, route: str) -> _Place:
        with self._lock:
            return self._places.setdefault(route, _Place())
