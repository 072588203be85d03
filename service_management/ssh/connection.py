"""The interface of both SSH backends. tests/cluster_ssh/test_contract*.py run on each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from service_management.ssh.errors import SshError
from service_management.ssh.login import Login

SESSIONS = 6  # sshd's MaxSessions is 10; forwards do not count, an operator's shell may
SOCKET_MASK = 0o177
# Bytes that a script may write, both streams together. A queue of 50,000 jobs fits; without a
# limit a login host that writes 800 MB costs three times as much memory here.
OUTPUT_LIMIT = 8 << 20


@dataclass(frozen=True)
class Result:
    """The output of a script on the login node, without banners and the noise of profiles."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Forward:
    """A tunnel to open: from a unix socket on this machine to a port of the cluster."""

    socket: Path
    host: str
    port: int


class Connection(Protocol):
    """One login, kept open. Every method may be called from any thread."""

    @property
    def login(self) -> Login: ...

    def run(self, script: str, timeout: float) -> Result:
        """Run a /bin/sh script on the login node; SshError where its outcome is unknown.

        The first call also logs in, which has a time limit of its own on top of `timeout`. A
        script that writes more than OUTPUT_LIMIT is ended.
        """

    def open_tunnels(self, forwards: Sequence[Forward]) -> dict[Path, SshError]:
        """Open all of them with as few calls as possible; one that is open is left as it is.

        Returns the sockets that could not be opened, with the reason. Raises SshError where there
        is no connection.
        """

    def open_tunnel(self, socket: Path, host: str, port: int) -> None:
        """Open one, or raise SshError."""

    def close_tunnel(self, socket: Path) -> None:
        """Stop listening; established connections continue. SshError where it could not be closed.

        Never logs in, and does not touch a tunnel that another connection opened.
        """

    def tunnel_alive(self, socket: Path) -> bool:
        """Whether a process listens on the socket. Opens no connection through it."""

    def close(self) -> None:
        """Log out; the tunnels end with the connection."""


class SshBackend(Protocol):
    """Makes connections: number 0 of each login, and further ones that carry only tunnels."""

    def connection(self, login: Login, number: int = 0) -> Connection: ...

    def close_except(self, kept: Collection[tuple[str, int]]) -> None:
        """Close all connections but these (login id, number), also those of an earlier process. A
        later call to one that was closed logs in again."""

    def close_all(self) -> None: ...
