"""The simulated clock, and what happens at which time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Agenda:
    now: float
    _entries: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, when: float, action: Callable[[], object]) -> None:
        """Of two at the same time, the one that was entered first comes first."""
        heapq.heappush(self._entries, (max(when, self.now), next(self._numbers), action))

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        self.at(self.now + seconds, action)

    @property
    def next_at(self) -> float:
        return self._entries[0][0] if self._entries else float("inf")

    def run_until(self, moment: float) -> None:
        while self._entries and self._entries[0][0] <= moment:
            self.now, _number, action = heapq.heappop(self._entries)
            action()
        self.now = moment
