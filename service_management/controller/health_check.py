"""One health check: GET through the tunnel that no client uses."""

from __future__ import annotations

import contextlib
import http.client
import socket
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Check:
    health: Health
    connected: bool  # a tunnel was there


def probe(tunnel: Path, health_path: str, patience: float = PATIENCE) -> Check:
    """Without a tunnel there is no answer. A tunnel whose far end refuses is an answer."""
    with contextlib.closing(_UnixConnection(tunnel, patience)) as connection:
        try:
            connection.connect()
        except OSError:
            return Check(Health.SILENT, connected=False)
        return Check(_ask(connection, health_path), connected=True)


def _ask(connection: http.client.HTTPConnection, health_path: str) -> Health:
    try:
        connection.request("GET", health_path, headers={"User-Agent": "orchestrator-health"})
        status = connection.getresponse().status
    except TimeoutError:
        return Health.SILENT
    except (OSError, http.client.HTTPException):
        return Health.UNHEALTHY
    return Health.HEALTHY if 200 <= status < 300 else Health.UNHEALTHY


# A probe speaks for the time since the one before it, but not for longer than this: a control
# plane that hung meanwhile has seen nothing.
COVERS = 10.0


@dataclass(frozen=True)
class Period:
    began: float
    ended: float


class StartupWatch:
    """How long probes have watched each service that starts. A tunnel takes connections also while
    its login is cut off: a probe without an answer counts only as far as the login is known to
    have answered another question."""

    def __init__(self) -> None:
        self._seen_until: dict[str, float] = {}  # by job name

    def seconds(self, job_name: str, check: Check, probe: Period, answered_at: float) -> float:
        """What this probe adds."""
        silent = check.health is Health.SILENT
        until = min(probe.ended, answered_at) if silent else probe.ended
        since = max(self._seen_until.pop(job_name, probe.began), probe.began - COVERS)
        if not check.connected or until <= since:
            return 0.0
        self._seen_until[job_name] = until
        return until - since

    def forget_jobs_except(self, names: set[str]) -> None:
        for name in self._seen_until.keys() - names:
            self._seen_until.pop(name, None)
