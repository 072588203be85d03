"""The load of a service over the last minute: one mean a second, in a bounded ring.

A second without a count is unknown, not zero: it is left out of every mean. The gateway counts
nothing while the control plane restarts or a look at the kernel's table fails, and a service must
not lose replicas for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

WINDOW = 60  # seconds that are kept


@dataclass(frozen=True)
class LoadSamples:
    """`load` is the requests in flight and held, at one moment."""

    second: int = 0  # the one that is being filled
    total: float = 0.0  # of its samples
    count: int = 0
    means: tuple[float | None, ...] = ()  # of the seconds before it, the newest last

    def added(self, now: float, load: float | None) -> LoadSamples:
        """With one sample more; None: it could not be counted."""
        samples = self._moved_to(math.floor(now))
        if load is None:
            return samples
        return replace(samples, total=samples.total + load, count=samples.count + 1)

    def _moved_to(self, second: int) -> LoadSamples:
        passed = second - self.second
        if passed == 0:
            return self
        if not 0 < passed < WINDOW:  # also where the clock is behind what was stored
            return LoadSamples(second)
        means = (*self.means, self._current(), *(None,) * (passed - 1))
        return LoadSamples(second, means=means[1 - WINDOW :])

    def _current(self) -> float | None:
        return self.total / self.count if self.count else None

    def mean(self, seconds: int = WINDOW) -> float | None:
        """Over the last so many seconds, the one that is being filled included."""
        known = [mean for mean in self._last(seconds) if mean is not None]
        return sum(known) / len(known) if known else None

    def span(self, seconds: int = WINDOW) -> int:
        """How many of these seconds have passed since the first known one."""
        last = self._last(seconds)
        return next((len(last) - i for i, mean in enumerate(last) if mean is not None), 0)

    def _last(self, seconds: int) -> Sequence[float | None]:
        return (*self.means, self._current())[-seconds:]

    def to_json(self) -> dict[str, Any]:
        last = [None if mean is None else round(mean, 2) for mean in self._last(WINDOW)]
        return {"second": self.second, "means": last}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> LoadSamples:
        *means, last = [None if mean is None else float(mean) for mean in stored["means"]]
        known = 0 if last is None else 1
        return cls(int(stored["second"]), last or 0.0, known, tuple(means[1 - WINDOW :]))
