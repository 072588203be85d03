"""How many requests are in flight, counted by the kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

# A connection that waits to be accepted, and an accepted one. Only the accepting end carries the
# path, so each connection is one line; the listener itself is in another state (01).
_IN_FLIGHT = {"02", "03"}
_COLUMNS = 8  # Num RefCount Protocol Flags Type St Inode Path


def parse(proc_net_unix_text: str, paths: Iterable[Path]) -> Counter[Path]:
    """Connections per path, 0 where there are none."""
    counted = Counter(dict.fromkeys(paths, 0))
    wanted = {str(path): path for path in counted}
    for line in proc_net_unix_text.splitlines():
        fields = line.split(maxsplit=_COLUMNS - 1)
        if len(fields) == _COLUMNS and fields[5] in _IN_FLIGHT and fields[7] in wanted:
            counted[wanted[fields[7]]] += 1
    return counted


def count(paths: Iterable[Path]) -> Counter[Path]:
    """The paths are those the tunnels are bound to, not the routes that point to them."""
    return parse(Path("/proc/net/unix").read_text(errors="surrogateescape"), paths)
