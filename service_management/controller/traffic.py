"""When to look at the kernel's list of sockets, and what was seen last.

The pace follows the cost: with thousands of streams open the list is long, and looking
at it may take no more than a small share of a core.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from service_management.gateway.inflight import Sample

FASTEST = 0.2
SHARE = 0.02  # of a core


class InflightSampler:
    def __init__(self, look: Callable[[], Sample]) -> None:
        self._look = look
        self._next = 0.0
        self.sample = Sample()

    def refresh(self, now: float) -> bool:
        """True where this call took a new sample."""
        if now < self._next:
            return False
        started = time.perf_counter()
        self.sample = self._look()
        self._next = now + max(FASTEST, (time.perf_counter() - started) / SHARE)
        return True

    def inflight(self, *tunnels: Path) -> int | None:
        if not self.sample.known:
            return None
        return sum(self.sample.connected.get(str(tunnel), 0) for tunnel in tunnels)

    def stands(self, tunnel: Path) -> bool:
        """Unknown counts as standing: a tunnel is not opened twice on a guess."""
        return not self.sample.known or str(tunnel) in self.sample.listening
