"""nginx's logs kept within bounds: when to rotate, what becomes of which file, and doing it.

nginx writes on into a renamed file until it is told to reopen, and a worker whose master was
killed is never told: an old file is at rest only when it is gone.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from service_management.gateway.nginx_master import NginxMaster

KEPT = 3  # old files of each log
PATIENCE = 4  # how many times its size a log may grow while its reader is behind


def due(size: int, limit: int, *, behind: bool) -> bool:
    """Rotating deletes the oldest file: not while somebody has yet to read, within reason."""
    return size >= (limit * PATIENCE if behind else limit)


def shifts(taken: Collection[int]) -> list[tuple[int, int]]:
    """Renames by number, 0 being the log itself. Highest first, and only up to the first gap:
    a rotation that was cut short is completed, and nothing is overwritten but the oldest."""
    free = next((number for number in range(1, KEPT + 1) if number not in taken), KEPT)
    return [(number - 1, number) for number in range(free, 0, -1)]


def numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}") if number else log


def files(log: Path) -> list[Path]:
    """Those that exist, oldest first."""
    every = (numbered(log, number) for number in range(KEPT, -1, -1))
    return [file for file in every if file.exists()]


def rotate(log: Path) -> None:
    taken = [number for number in range(1, KEPT + 1) if numbered(log, number).exists()]
    for old, new in shifts(taken):
        numbered(log, old).replace(numbered(log, new))


def oldest(log: Path) -> Path | None:
    """What the next rotation deletes."""
    every = [numbered(log, number) for number in range(1, KEPT + 1)]
    return every[-1] if all(file.exists() for file in every) else None


def keep_bounded(log: Path, limit: int, master: NginxMaster, *, behind: bool = False) -> bool:
    """True where the log was rotated. Also completes what a crash left between the renaming
    and the signal: a log that is missing while nginx runs."""
    if master.pid() is None:
        return False
    size = log.stat().st_size if log.exists() else None
    rotated = size is not None and due(size, limit, behind=behind)
    if rotated:
        rotate(log)
    if rotated or size is None:
        master.reopen()
    return rotated
