"""The controller's clock: seconds since the epoch, without jumps when the wall clock is set.

Set back by an hour, a wall clock would stop all probes, polls and cancellations for an hour; set
forward, it would make every service look idle at once. So budgets and paces are measured on the
kernel's clock since boot. It is shifted by what the wall clock said once in this boot; the shift is
stored, so that the next process measures on the same scale. Wall time is for people and for Slurm.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class SteadyClock:
    boot: str  # which boot the shift belongs to
    shift: float
    kernel: Callable[[], float] = since_boot
    wall: Callable[[], float] = time.time

    @classmethod
    def resume(
        cls,
        stored: Any,
        not_before: float,
        kernel: Callable[[], float] = since_boot,
        wall: Callable[[], float] = time.time,
    ) -> SteadyClock:
        """Go on where the last process of this boot stopped. After a reboot begin with the wall
        clock, but not `not_before` the times in the records: a wrong clock may have come up."""
        boot = _BOOT_ID.read_text().strip()
        if isinstance(stored, dict) and stored.get("boot") == boot:
            return cls(boot, float(stored["shift"]), kernel, wall)
        return cls(boot, max(wall(), not_before) - kernel(), kernel, wall)

    def to_store(self) -> dict[str, Any]:
        return {"boot": self.boot, "shift": self.shift}

    def now(self) -> float:
        return self.kernel() + self.shift

    def ahead(self) -> float:
        """How far the wall clock is ahead; 0 as long as it has not been set."""
        return self.wall() - self.now()
