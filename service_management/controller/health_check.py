"""One health check: GET through the tunnel that no client uses.

After a request was lost, a check also watches whether the service closes the connection although
its answer did not announce that: nginx would send the next request on it, and lose it.

A tunnel takes every connection, also where its far end is refused or gets no answer. ssh tells
which in its log only, at LogLevel INFO: a line for every check. But it reads the request from the
socket only once the node has let it in, and that can be seen from here:

- It closed the socket with the request unread, which the kernel reports as a reset: refused.
- It closed the socket after it had read the request: connected, and closed without an answer.
- No answer in time, and the request is still unread: the node does not answer the login node.
- No answer in time, and the request was read: connected, and the service is silent.

Both backends behave so: tests/cluster_ssh/test_contract_tunnels.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import http.client
import select
import socket
import struct
import termios
from dataclasses import dataclass
from pathlib import Path

from service_management.lifecycle.events import Health
from service_management.lifecycle.findings import Finding, Saw

PATIENCE = 5.0
_LONGEST_ANSWER = 1 << 20
WATCH_CLOSING = 0.6  # seconds; nginx keeps an unused connection for 0.5 s
TOKEN_HEADER = "IO-Job-Token"  # noqa: S105 - a header's name
BODY_BYTES = 1 << 16  # of a health answer in which the token is looked for


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
    closes_unannounced: bool = False
    finding: Finding | None = None  # what was wrong


def probe(
    tunnel: Path,
    health_path: str,
    token: str = "",
    patience: float = PATIENCE,
    *,
    watch_closing: bool = False,
) -> Check:
    """Without a tunnel there is no answer. A tunnel whose far end refuses is an answer.

    With a token, a good answer has to show it, in the header IO-Job-Token or anywhere in its body.
    """
    with contextlib.closing(_UnixConnection(tunnel, patience)) as connection:
        try:
            connection.connect()
        except OSError:
            return Check(Health.SILENT, connected=False)
        try:
            response = _ask(connection, health_path)
            health = _health(response, token)
        except (OSError, http.client.HTTPException) as error:
            saw = _without_answer(error, connection.sock)
            health = Health.SILENT if isinstance(error, TimeoutError) else Health.UNHEALTHY
            return Check(health, connected=True, finding=Finding(saw, health_path))
        closes = watch_closing and _closes_unannounced(connection, response)
        finding = _finding(health, response.status, health_path)
        return Check(health, connected=True, closes_unannounced=closes, finding=finding)


def _finding(health: Health, status: int, path: str) -> Finding | None:
    if health is Health.HEALTHY:
        return None
    saw = Saw.NO_TOKEN if health is Health.UNVERIFIED else Saw.ANSWER
    return Finding(saw, path, status)


def _without_answer(error: Exception, tunnel: socket.socket | None) -> Saw:
    """See the top of this module."""
    if isinstance(error, TimeoutError):
        return Saw.UNREACHED if tunnel and _unread(tunnel) else Saw.SILENT
    # The first of them is a ConnectionResetError too.
    if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead):
        return Saw.CLOSED
    return Saw.REFUSED if isinstance(error, ConnectionError) else Saw.NOT_HTTP


def _unread(tunnel: socket.socket) -> bool:
    """Whether bytes that were sent have not been read at the other end."""
    answer = fcntl.ioctl(tunnel, termios.TIOCOUTQ, struct.pack("i", 0))
    unread: int = struct.unpack("i", answer)[0]
    return unread > 0


def _ask(connection: http.client.HTTPConnection, health_path: str) -> http.client.HTTPResponse:
    connection.request("GET", health_path, headers={"User-Agent": "orchestrator-health"})
    return connection.getresponse()


def _health(response: http.client.HTTPResponse, token: str) -> Health:
    if not 200 <= response.status < 300:
        return Health.UNHEALTHY
    return Health.HEALTHY if not token or _shows(response, token) else Health.UNVERIFIED


def _shows(response: http.client.HTTPResponse, token: str) -> bool:
    shown = response.getheader(TOKEN_HEADER, "").encode("latin-1")
    if hmac.compare_digest(shown, token.encode()):
        return True
    return token.encode() in response.read(BODY_BYTES)


def _closes_unannounced(
    connection: http.client.HTTPConnection, response: http.client.HTTPResponse
) -> bool:
    """The answer promises that the connection stays, and it does not."""
    if response.will_close or connection.sock is None:
        return False
    try:
        response.read(_LONGEST_ANSWER)
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        return bool(poll.poll(WATCH_CLOSING * 1000))
    except (OSError, http.client.HTTPException):
        return False  # cut off while answering: that is another failure


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
