"""What a service's next scaling decision needs of the past: samples, peaks, panic."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from service_management.lifecycle.load_samples import WINDOW, LoadSamples


class Peak(NamedTuple):
    at: float  # the last moment at which so many were needed
    replicas: int


@dataclass(frozen=True)
class ScalingState:
    """The caller saves it about once a minute, as JSON."""

    resumed_at: float = -math.inf  # when this process began to decide
    samples: LoadSamples = field(default_factory=LoadSamples)
    need: int = 0  # the number that the last known load called for
    peaks: tuple[Peak, ...] = ()  # oldest first, each larger than all after it
    panicked_at: float | None = None
    panic_peak: int = 0
    short_since: float | None = None  # how long replicas have been missing

    def observed(self, now: float, load: float | None) -> ScalingState:
        """A sample of the load, a few times a second; None: it could not be counted."""
        return replace(self, samples=self.samples.added(now, load))

    def needing(self, replicas: int, now: float, longest: float) -> ScalingState:
        """With a need that is remembered for `longest` seconds, as are all larger ones."""
        larger = [p for p in self.peaks if p.replicas > replicas and p.at >= now - longest]
        return replace(self, need=replicas, peaks=(*larger, Peak(now, replicas)))

    def peak(self, now: float, seconds: float) -> int:
        """The most that were needed within the last so many seconds."""
        return next((p.replicas for p in self.peaks if p.at >= now - seconds), 0)

    def panicking(self, replicas: int, now: float) -> ScalingState:
        return replace(self, panicked_at=now, panic_peak=max(self.panic_peak, replicas))

    def calmed(self, now: float) -> ScalingState:
        """Without a panic that was over a minute ago."""
        if self.panicked_at is None or now - self.panicked_at < WINDOW:
            return self
        return replace(self, panicked_at=None, panic_peak=0)

    def to_json(self) -> dict[str, Any]:
        return {
            "samples": self.samples.to_json(),
            "need": self.need,
            "peaks": [list(peak) for peak in self.peaks],
            "panicked_at": self.panicked_at,
            "panic_peak": self.panic_peak,
        }

    @classmethod
    def resumed(cls, stored: Any, now: float) -> ScalingState:
        """After a restart. What cannot be read counts as not stored."""
        try:
            return cls(
                now,
                LoadSamples.from_json(stored["samples"]),
                int(stored["need"]),
                tuple(Peak(float(at), int(replicas)) for at, replicas in stored["peaks"]),
                None if stored["panicked_at"] is None else float(stored["panicked_at"]),
                int(stored["panic_peak"]),
            )
        except (KeyError, TypeError, ValueError):
            return cls(now)
