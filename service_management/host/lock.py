"""One control plane at a time, also while an earlier one is still ending."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

PATIENCE = 40.0
_HELD: list[int] = []  # kept open for as long as the process lives


class Locked(Exception):
    """Another process is the controller."""


def take(path: Path, patience: float = PATIENCE) -> None:
    """The kernel releases it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + patience
    while not _try(descriptor):
        if time.monotonic() >= end:
            os.close(descriptor)
            raise Locked(f"another control plane is running: it holds {path}. Stop it first.")
        time.sleep(0.05)
    _HELD.append(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
