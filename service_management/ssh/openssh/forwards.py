"""The forwards of one master: which unix socket here leads to which host and port there."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service_management.atomic_files import write_private
from service_management.clean_text import one_line
from service_management.ssh.connection import Forward
from service_management.ssh.errors import ClusterError, SshError, SshProblem
from service_management.ssh.login import require_host, require_port
from service_management.ssh.openssh.control_master import ControlMaster
from service_management.ssh.unix_sockets import check_socket, has_listener, make_parent

PER_CALL = 50  # forwards of one `ssh` process: it takes 10 ms for them


@dataclass
class Forwards:
    """Live forwards, and notes of them. The master keeps its forwards when this program ends but
    cannot list them, and to cancel one takes its target."""

    master: ControlMaster
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, forwards: Sequence[Forward]) -> dict[Path, SshError]:
        """The sockets that could not be opened, with the reason."""
        with self._lock:
            pid = self._pid()
            noted = self._load(pid)
            valid, failed = _valid(forwards)
            wanted = {
                path: target
                for path, target in valid.items()
                if noted.get(path) != target or not has_listener(Path(path))
            }
            self._control("cancel", {path: noted[path] for path in wanted if path in noted})
            # Noted before it exists: a forward without a note could never be cancelled.
            self._save(pid, noted | wanted)
            return failed | self._forward(wanted)

    def close(self, socket: Path) -> None:
        with self._lock:
            if self.master.alive():
                self._end(self._pid(), str(socket))
            if not has_listener(socket):
                socket.unlink(missing_ok=True)

    def _end(self, pid: int, path: str) -> None:
        noted = self._load(pid)
        if path not in noted:
            return
        said = self._control("cancel", {path: noted[path]})
        # ssh exits with 0 even where the master refused. The note is kept until the tunnel is
        # closed: forgotten, it could never be cancelled.
        if has_listener(Path(path)):
            text = f"The tunnel {path} could not be closed ({said})."
            raise SshError(SshProblem.FORWARD_FAILED, text)
        del noted[path]
        self._save(pid, noted)

    def _pid(self) -> int:
        """A master too busy to tell its pid may have forwards, whose notes must stay."""
        pid = self.master.pid()
        if pid is None:
            text = f"The connection to {self.master.login} did not answer in time for a tunnel."
            raise SshError(SshProblem.TIMEOUT, text)
        return pid

    def _forward(self, wanted: Mapping[str, str]) -> dict[Path, SshError]:
        said = self._control("forward", wanted)
        if missing := _missing(wanted):
            # The master may have the forward already, while its socket file was removed.
            self._control("cancel", missing)
            said = self._control("forward", missing)
            missing = _missing(missing)
        if missing and not self.master.alive():
            text = f"The connection to {self.master.login} ended while a tunnel was opened."
            raise SshError(SshProblem.MASTER_LOST, text)
        return {Path(path): self._failure(path, missing[path], said) for path in missing}

    def _failure(self, path: str, target: str, said: str) -> SshError:
        text = (
            f"The tunnel {path} → {target} could not be opened ({said}). Check that the "
            f"directory is writable and that {self.master.login} allows forwarding."
        )
        return SshError(SshProblem.FORWARD_FAILED, text)

    def _control(self, command: str, tunnels: Mapping[str, str]) -> str:
        """Returns what ssh printed. Of several forwards in a call ssh carries out what it can, and
        its exit code tells nothing about a single one: look at the sockets."""
        arguments = [f"-L{path}:{target}" for path, target in tunnels.items()]
        said = ""
        for first in range(0, len(arguments), PER_CALL):
            done = self.master.control(command, *arguments[first : first + PER_CALL])
            said = one_line(done.stderr) or said
            if done.exit_code is None:
                break  # it does not answer, and the next call would wait as long
        return said or "no answer"

    def _load(self, pid: int) -> dict[str, str]:
        """The notes made for this very master: a new one has no forwards."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            noted = json.loads(self.master.files.tunnels.read_text(encoding="utf-8"))
            if noted["pid"] == pid:
                return dict(noted["tunnels"])
        return {}

    def _save(self, pid: int, tunnels: dict[str, str]) -> None:
        write_private(self.master.files.tunnels, json.dumps({"pid": pid, "tunnels": tunnels}))


def _valid(forwards: Iterable[Forward]) -> tuple[dict[str, str], dict[Path, SshError]]:
    """Socket → target, and what cannot be opened at all."""
    valid, failed = {}, {}
    for forward in forwards:
        try:
            check_socket(forward.socket)
            make_parent(forward.socket)
            valid[str(forward.socket)] = _target(forward)
        except ClusterError as error:
            failed[forward.socket] = SshError(SshProblem.FORWARD_FAILED, error.text)
    return valid, failed


def _missing(tunnels: Mapping[str, str]) -> dict[str, str]:
    return {path: to for path, to in tunnels.items() if not has_listener(Path(path))}


def _target(forward: Forward) -> str:
    require_host(forward.host)
    require_port(forward.port)
    ipv6 = ":" in forward.host
    return f"[{forward.host}]:{forward.port}" if ipv6 else f"{forward.host}:{forward.port}"
