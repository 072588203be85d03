"""Which of the processes that /proc shows can be this gateway's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def every() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def is_here(pid: int) -> bool:
    """Not in a container: its processes are visible on its host too, with the same names and
    paths, and belong to another gateway. The kernel tells a number for each level."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except OSError:
        return False
    levels = [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")]
    return all(len(numbers) == 1 for numbers in levels)


def title(pid: int) -> str:
    """Its command line, the words ending in NUL; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(stat.rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0
