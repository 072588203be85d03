"""Histograms as Prometheus defines them: a count per bucket, and the sum of all values."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf

ANSWER_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
COLD_SECONDS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
PHASE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200)


@dataclass
class Histogram:
    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)  # one per bound, and one above the last
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float, times: int = 1) -> None:
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def bound_of(self, share: float) -> float | None:
        """What this share of all values does not exceed: a bound, so at least that; None before the
        first value."""
        number = sum(self.counts)
        if not number:
            return None
        upto = accumulate(self.counts)
        return next(
            bound
            for bound, so_far in zip((*self.bounds, inf), upto, strict=True)
            if so_far >= share * number
        )

    def copy(self) -> Histogram:
        return Histogram(self.bounds, list(self.counts), self.total)
