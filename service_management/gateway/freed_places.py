"""nginx reports here each end of a request to a service with `max_inflight` (nginx/nginx.conf.j2).

A datagram for each, in syslog's form, because nginx sends nothing else at once. One may be lost, or
be sent for a request that took no place, so nothing may rely on it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import structlog

_LOG = structlog.get_logger(__name__)


class FreedPlaces:
    def __init__(self, path: Path, freed: Callable[[str], None]) -> None:
        self._path, self._freed = path, freed

    def run(self) -> None:
        """For a thread that ends with its process. The socket stays until the next process binds
        its own: until then nginx finds that it has no reader, and goes on."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
            self._bind(reader)
            while True:
                self._read(reader.recv(1024))

    def _bind(self, reader: socket.socket) -> None:
        """nginx's workers may be another user, of the run directory's group (host/layout.py)."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        reader.bind(str(self._path))
        self._path.chmod(0o660)
        os.chown(self._path, -1, self._path.parents[1].stat().st_gid)

    def _read(self, report: bytes) -> None:
        try:
            # <190>Nov 27 00:29:35 nginx: digits
            self._freed(report.rsplit(b" ", 1)[-1].decode())
        except Exception:
            _LOG.exception("a report of a freed place was not understood")
