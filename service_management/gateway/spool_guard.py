"""Watches the free space where nginx keeps large request bodies.

While there is little, a flag file tells nginx to refuse further large bodies
(nginx/uploads.conf.j2). Small requests, the gateway's own pages and /admin go on.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import structlog

_LOG = structlog.get_logger(__name__)
EVERY = 1.0  # seconds
RESERVE = 2 << 30  # bytes that stay free, or a tenth of a smaller disk


@dataclass(frozen=True)
class SpoolLevel:
    free: int  # bytes
    size: int

    @property
    def is_full(self) -> bool:
        return self.free < min(RESERVE, self.size // 10)


class SpoolGuard:
    def __init__(self, directory: Path, flag: Path) -> None:
        self._directory, self._flag = directory, flag
        self._stopped = threading.Event()
        self.level: SpoolLevel | None = None  # None: not known

    def run(self) -> None:
        while not self._stopped.wait(EVERY):
            self.look()

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> None:
        try:
            found = os.statvfs(self._directory)
            size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
            self.level = SpoolLevel(free, size)
            self._tell_nginx(full=self.level.is_full)
        except OSError as error:
            self.level = None
            _LOG.error("the spool's free space is not known", error=str(error))

    def _tell_nginx(self, *, full: bool) -> None:
        if full == self._flag.exists():
            return
        if full:
            _LOG.warning("the spool is nearly full: large request bodies are refused")
            self._flag.touch()
        else:
            _LOG.info("the spool has room again: large request bodies are accepted")
            self._flag.unlink(missing_ok=True)
