"""How many requests are in flight, and which tunnels stand, as the kernel lists its sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

KERNEL_LIST = Path("/proc/net/unix")
_COLUMNS = 8  # Num RefCount Protocol Flags Type St Inode Path
_LISTENING, _IN_FLIGHT = "01", ("02", "03")  # the latter: waiting to be accepted, connected


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
