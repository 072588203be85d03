"""Tell nginx for which services requests wait for a place: `max_inflight`, nginx/entry.conf.j2.

A flag is a symlink to a file of this process in /proc, so nginx sees none of them any more when the
process ends: while the control plane is down, requests to ready services go on.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from service_management.atomic_files import symlink_atomically

_LOG = structlog.get_logger(__name__)


def queue_flag(run_dir: Path, route: str) -> Path:
    return run_dir / "nginx" / "queues" / route


class QueueFlags:
    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._alive = Path(f"/proc/{os.getpid()}/stat")
        self._set: set[str] = set()

    def show(self, route: str, waiting: bool) -> None:
        if waiting == (route in self._set):
            return
        try:
            self._put(queue_flag(self._run_dir, route), waiting=waiting)
        except OSError as error:  # the queue goes on without it
            _LOG.error("nginx cannot be shown whether requests wait", error=str(error))
        self._set ^= {route}

    def _put(self, flag: Path, *, waiting: bool) -> None:
        if waiting:
            flag.parent.mkdir(parents=True, exist_ok=True)
            symlink_atomically(flag, self._alive)
        else:
            flag.unlink(missing_ok=True)

    def clear(self) -> None:
        """Those of an earlier process, too: its number may be that of another one now."""
        for flag in queue_flag(self._run_dir, "x").parent.glob("*"):
            flag.unlink(missing_ok=True)
        self._set.clear()
