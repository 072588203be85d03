"""How many requests are in flight, and which tunnels listen, from the kernel's list of sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

KERNEL_LIST = Path("/proc/net/unix")
_COLUMNS = 8  # Num RefCount Protocol Flags Type St Inode Path
_LISTENING, _IN_FLIGHT = "01", ("02", "03")  # the latter: waiting to be accepted, connected
FASTEST = 0.2
SHARE = 0.02  # of a core


@dataclass(frozen=True)
class Sample:
    connected: dict[str, int] = field(default_factory=dict)
    listening: frozenset[str] = frozenset()
    known: bool = False


def parse(text: str, below: Path) -> Sample:
    """Only the accepting end of a connection carries the path: each is one line."""
    connected: dict[str, int] = {}
    listening: set[str] = set()
    prefix = f"{below}/"
    for line in text.splitlines():
        columns = line.split(maxsplit=_COLUMNS - 1)
        if len(columns) < _COLUMNS or not columns[7].startswith(prefix):
            continue
        if columns[5] in _IN_FLIGHT:
            connected[columns[7]] = connected.get(columns[7], 0) + 1
        elif columns[5] == _LISTENING:
            listening.add(columns[7])
    return Sample(connected, frozenset(listening), known=True)


def look(below: Path) -> Sample:
    try:
        return parse(KERNEL_LIST.read_text(errors="surrogateescape"), below)
    except OSError:
        return Sample()


class InflightSampler:
    """Looks at the list at a pace that follows its cost: with thousands of streams open the list is
    long, and reading it may take no more than a small share of a core."""

    def __init__(self, look: Callable[[], Sample]) -> None:
        self._look = look
        self._next = 0.0
        self.sample = Sample()

    def refresh(self, now: float) -> bool:
        """Whether this call took a new sample."""
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

    def listens(self, tunnel: Path) -> bool:
        """Unknown counts as listening: a tunnel is not opened twice on a guess."""
        return not self.sample.known or str(tunnel) in self.sample.listening
