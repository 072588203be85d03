"""Decides when to inspect the sockets of a job that refuses connections, and keeps what was seen.

Rarely: each look is a step on the cluster. See SOCKETS_FIRST in lifecycle/intervals.py.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from service_management.lifecycle.findings import Listening
from service_management.lifecycle.intervals import (
    SOCKETS_FIRST,
    SOCKETS_GAP,
    SOCKETS_GROWTH,
    SOCKETS_LONGEST,
)


@dataclass
class _Course:
    """The looks at one job."""

    due: float
    pause: float = SOCKETS_FIRST
    seen: tuple[Listening, ...] | None = None  # None: not seen yet


Place = tuple[str, str]  # job name, node


@dataclass
class SocketLooks:
    """May be used from any thread."""

    _courses: dict[Place, _Course] = field(default_factory=dict)
    _looked: dict[str, float] = field(default_factory=dict)  # login id → its last look
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def due(self, place: Place, login_id: str, now: float) -> bool:
        """Whether to look now: asked each time that a check of the job is refused."""
        with self._lock:
            course = self._courses.setdefault(place, _Course(now + SOCKETS_FIRST))
            if now < max(course.due, self._looked.get(login_id, -SOCKETS_GAP) + SOCKETS_GAP):
                return False
            self._looked[login_id] = now
            course.pause = min(course.pause * SOCKETS_GROWTH, SOCKETS_LONGEST)
            course.due = now + course.pause
            return True

    def seen(self, place: Place) -> tuple[Listening, ...] | None:
        with self._lock:
            course = self._courses.get(place)
            return course.seen if course else None

    def note(self, place: Place, seen: tuple[Listening, ...]) -> None:
        with self._lock:
            if course := self._courses.get(place):
                course.seen = seen

    def forget(self, place: Place) -> None:
        """Its port was open, or did not answer: what was seen before is out of date."""
        with self._lock:
            self._courses.pop(place, None)

    def forget_jobs_except(self, names: set[str]) -> None:
        with self._lock:
            self._courses = {at: one for at, one in self._courses.items() if at[0] in names}
