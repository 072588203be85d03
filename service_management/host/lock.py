"""One control plane at a time, also while an earlier one is still ending."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 40.0
_HELD: list[int] = []  # kept open for as long as the process lives


class Locked(Exception):
    """Another process has it."""


def take(path: Path, patience: float = PATIENCE) -> None:
    """The kernel releases it when the process ends, however it ends."""
    busy = "another control plane is running: it holds {}. Stop it first."
    _HELD.append(_lock(path, patience, busy))


@contextmanager
def hold(path: Path, busy: str) -> Iterator[None]:
    """For a while, and at once or not at all. `busy` says who has it, with {} for the path."""
    descriptor = _lock(path, 0.0, busy)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, patience: float, busy: str) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + patience
    while not _try(descriptor):
        if time.monotonic() >= end:
            os.close(descriptor)
            raise Locked(busy.format(path))
        time.sleep(0.05)
    return descriptor


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
