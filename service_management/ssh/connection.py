"""The seam to SSH. Whatever implements it passes the contract tests in tests/cluster_ssh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from service_management.ssh.login import Login


@dataclass(frozen=True)
class Result:
    """What a script on the login node left behind, free of banners and profile noise."""

    exit_code: int
    stdout: str
    stderr: str


class Connection(Protocol):
    """One login, kept open. Every method may be called from any thread."""

    @property
    def login(self) -> Login: ...

    def run(self, script: str, timeout: float) -> Result:
        """Run a /bin/sh script there; SshError where its outcome is not known.

        The first call also logs in, which has a time limit of its own on top of `timeout`.
        """

    def open_tunnel(self, socket: Path, host: str, port: int) -> None:
        """Lead a unix socket here to host:port there. Asked again, nothing changes."""

    def close_tunnel(self, socket: Path) -> None:
        """Stop listening; what is already connected goes on. Never logs in for it, and leaves
        alone what another connection opened."""

    def tunnel_alive(self, socket: Path) -> bool:
        """Whether somebody listens at the socket. Opens no connection through it."""

    def close(self) -> None:
        """Log out; the tunnels go with it."""


class SshBackend(Protocol):
    """Makes connections: for each login number 0, and further ones that share its streams."""

    def connection(self, login: Login, number: int = 0) -> Connection: ...

    def close_all(self) -> None: ...
