"""Rotates nginx's logs: when, which file is renamed to what, and the signal to nginx.

nginx writes on into a renamed file until it gets the signal to reopen, and a worker whose master
was killed never gets it: a rotated file may grow for as long as it exists.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from service_management.gateway.nginx_master import NginxMaster

KEPT = 3  # old files of each log
PATIENCE = 4  # a log may grow to this many times its limit while its reader is behind


def due(size: int, limit: int, *, behind: bool) -> bool:
    """Rotating deletes the oldest file, so it waits for the reader, up to a limit."""
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
    """The file that the next rotation deletes; None where it deletes none."""
    every = [numbered(log, number) for number in range(1, KEPT + 1)]
    return every[-1] if all(file.exists() for file in every) else None


def keep_bounded(log: Path, limit: int, master: NginxMaster, *, behind: bool = False) -> bool:
    """True where the log was rotated. Also completes a rotation that a crash cut short between
    renaming and signal: then the log is missing, though a rotated file exists. (Without one, the
    running nginx is of a version that does not write this log.)"""
    if master.pid() is None:
        return False
    size = log.stat().st_size if log.exists() else None
    rotated = size is not None and due(size, limit, behind=behind)
    if rotated:
        rotate(log)
    if rotated or (size is None and numbered(log, 1).exists()):
        master.reopen()
    return rotated
