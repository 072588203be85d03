"""A real sshd of a test's own: loopback, free port, own keys, ended with the test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from service_management.ssh.login import Login

PRIVSEP = Path("/run/sshd")  # compiled into Debian's sshd, which does not start without it


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], object], within: float = 10.0, what: str = "") -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, f"not within {within} s: {what or true}"
        time.sleep(0.02)


def make_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


@dataclass
class Sshd:
    """root may log in with `client_key`; `extra` lines go into sshd_config."""

    home: Path
    extra: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def client_key(self) -> Path:
        return self.home / "client"

    def start(self) -> Sshd:
        self.home.mkdir(parents=True, exist_ok=True)
        PRIVSEP.mkdir(mode=0o755, exist_ok=True)
        for key in (self.client_key, self.home / "host"):
            if not key.exists():
                make_key(key)
        shutil.copy(self.home / "client.pub", self.home / "authorized_keys")
        (self.home / "sshd_config").write_text(self._config())
        log = (self.home / "sshd.log").open("ab")
        argv = [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e"]
        with log:
            self.process = subprocess.Popen(
                [*argv, "-f", str(self.home / "sshd_config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, what="sshd answers")
        wait_until(lambda: not self.children(), what="the connection that asked is over")
        return self

    def new_host_key(self) -> None:
        for name in ("host", "host.pub"):
            (self.home / name).unlink()
        make_key(self.home / "host")

    def host_key_line(self) -> str:
        kind, key = (self.home / "host.pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def login(self, **changes: object) -> Login:
        values = {
            "username": "root",
            "host": "127.0.0.1",
            "port": self.port,
            "key_file": str(self.client_key),
            **changes,
        }
        return Login(**values)  # type: ignore[arg-type]

    def children(self) -> list[int]:
        """The processes of sshd's open connections."""
        assert self.process is not None
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listing.split()]

    def stop(self) -> None:
        """The listener and every connection it made."""
        if self.process is None:
            return
        for pid in [*self._descendants(), self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(10)
        self.process = None

    def hang_up(self) -> None:
        """End the open connections, keep listening."""
        for pid in self._descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def connection_attempts(self) -> int:
        """Connections so far; needs LogLevel VERBOSE."""
        return (self.home / "sshd.log").read_text().count("Connection from ")

    def commands(self, words: str) -> list[int]:
        """The sessions' processes with that command line."""
        wanted = words.replace(" ", "\0") + "\0"
        return [pid for pid in self._descendants() if _command_line(pid) == wanted]

    def _descendants(self) -> list[int]:
        found = self.children()
        for pid in found:
            try:
                found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                continue
        return found

    def _answers(self) -> bool:
        """Up to its greeting, so that this connection is in the log before a test counts."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                return probe.recv(4) == b"SSH-"
        except OSError:
            return False

    def _config(self) -> str:
        lines = (
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.home}/host",
            f"AuthorizedKeysFile {self.home}/authorized_keys",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "PermitRootLogin prohibit-password",
            *self.extra,
        )
        return "\n".join(lines) + "\n"
