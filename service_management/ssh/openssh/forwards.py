"""The forwards of one master: which unix socket here leads to which host and port there."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.local_commands import Completed, write_private
from service_management.ssh.login import require_host, require_port
from service_management.ssh.openssh.control_master import ControlMaster
from service_management.ssh.unix_sockets import LONGEST_PATH, somebody_listens

_SOCKET_PATH = re.compile(r"/[A-Za-z0-9_./@+=,~ -]+")  # no : \ % $ [ ], which -L reads its own way


@dataclass
class Forwards:
    """Live forwards, and a note of them: the master keeps its forwards when this program ends,
    but tells nobody what they are, and cancelling one needs its target."""

    master: ControlMaster
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, socket: Path, host: str, port: int) -> None:
        target = _target(host, port)
        check_socket(socket)
        with self._lock:
            pid = self._pid()
            known = self._load(pid)
            if known.get(str(socket)) == target and somebody_listens(socket):
                return
            if str(socket) in known:
                self._cancel(socket, known[str(socket)])
            make_parent(socket)
            # Noted first: a forward without a note could never be cancelled.
            self._save(pid, {**known, str(socket): target})
            self._forward(socket, target)

    def close(self, socket: Path) -> None:
        with self._lock:
            pid = self.master.pid()
            if pid is not None:
                self._end(pid, socket)
            if not somebody_listens(socket):
                socket.unlink(missing_ok=True)

    def _end(self, pid: int, socket: Path) -> None:
        known = self._load(pid)
        if target := known.pop(str(socket), ""):
            self._cancel(socket, target)
            self._save(pid, known)

    def _pid(self) -> int:
        """Of the master; one too busy to tell it may have forwards, whose notes must stay."""
        pid = self.master.pid()
        if pid is None:
            text = f"The connection to {self.master.login} did not answer in time for a tunnel."
            raise SshError(SshProblem.TIMEOUT, text)
        return pid

    def _forward(self, socket: Path, target: str) -> None:
        done = self.master.control("forward", "-L", f"{socket}:{target}")
        if done.exit_code == 0 and not somebody_listens(socket):
            # The master has this forward, but its socket file was removed under it.
            self._cancel(socket, target)
            done = self.master.control("forward", "-L", f"{socket}:{target}")
        if done.exit_code != 0 or not somebody_listens(socket):
            raise self._failure(socket, target, done)

    def _failure(self, socket: Path, target: str, done: Completed) -> SshError:
        said = done.stderr.strip()
        if not self.master.alive():
            text = f"The connection to {self.master.login} ended while a tunnel was opened."
            return SshError(SshProblem.MASTER_LOST, text)
        text = (
            f"The tunnel {socket} → {target} could not be opened ({said or 'no answer'}): check "
            f"that the directory can be written and that {self.master.login} allows forwarding."
        )
        return SshError(SshProblem.FORWARD_FAILED, text)

    def _cancel(self, socket: Path, target: str) -> None:
        self.master.control("cancel", "-L", f"{socket}:{target}")

    def _load(self, pid: int) -> dict[str, str]:
        """Only what this very master was told: a new one has no forwards."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            noted = json.loads(self.master.files.tunnels.read_text(encoding="utf-8"))
            if noted["pid"] == pid:
                return dict(noted["tunnels"])
        return {}

    def _save(self, pid: int, tunnels: dict[str, str]) -> None:
        write_private(self.master.files.tunnels, json.dumps({"pid": pid, "tunnels": tunnels}))


def _target(host: str, port: int) -> str:
    require_host(host)
    require_port(port)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_socket(socket: Path) -> None:
    path = str(socket)
    if len(path.encode()) > LONGEST_PATH or not _SOCKET_PATH.fullmatch(path):
        text = (
            f"{path!r} cannot be a tunnel's socket: an absolute path of at most "
            f"{LONGEST_PATH} bytes, without colons, brackets, percent or dollar signs. "
            f"Choose another run directory."
        )
        raise SshError(SshProblem.FORWARD_FAILED, text)


def make_parent(socket: Path) -> None:
    """Others may pass through to a socket they are allowed to open, but not look around."""
    try:
        socket.parent.mkdir(mode=0o710, parents=True, exist_ok=True)
    except OSError as error:
        text = f"The directory of the tunnel's socket {socket} cannot be made: {error.strerror}."
        raise SshError(SshProblem.FORWARD_FAILED, text) from error
