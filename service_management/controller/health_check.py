"""One health check: GET over the quiet tunnel."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

from service_management.lifecycle.events import Health

PATIENCE = 5.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def probe(tunnel: Path, health_path: str, patience: float = PATIENCE) -> Health:
    """No tunnel is no answer; a tunnel whose far end refuses is one."""
    connection = _UnixConnection(tunnel, patience)
    try:
        connection.connect()
    except OSError:
        connection.close()
        return Health.SILENT
    try:
        connection.request("GET", health_path, headers={"User-Agent": "orchestrator-health"})
        status = connection.getresponse().status
    except TimeoutError:
        return Health.SILENT
    except (OSError, http.client.HTTPException):
        return Health.UNHEALTHY
    finally:
        connection.close()
    return Health.HEALTHY if 200 <= status < 300 else Health.UNHEALTHY
