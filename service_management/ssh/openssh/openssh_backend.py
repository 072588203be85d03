"""The OpenSSH backend: one ControlMaster per connection, which carries everything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from service_management.atomic_files import write_private
from service_management.ssh import command_errors
from service_management.ssh.connection import (
    OUTPUT_LIMIT,
    SOCKET_MASK,
    Forward,
    Result,
)
from service_management.ssh.errors import LoginError, SshError
from service_management.ssh.local_commands import Completed, run_process
from service_management.ssh.login import Login
from service_management.ssh.openssh.control_master import CONTROL_TIMEOUT, ControlMaster
from service_management.ssh.openssh.forwards import Forwards
from service_management.ssh.openssh.ssh_config import SHARED, LoginFiles, render_config
from service_management.ssh.script_envelope import REMOTE_COMMAND, Envelope
from service_management.ssh.sessions import Sessions
from service_management.ssh.unix_sockets import LONGEST_PATH, has_listener

# What ssh prints when it found no master and fell back to `ProxyCommand false`.
_NO_MASTER = "kex_exchange_identification"
_DRAFT_SUFFIX = 17  # while binding it, ssh appends a dot and 16 characters to its control socket


class OpenSshConnection:
    """One connection of a login."""

    def __init__(self, login: Login, files: LoginFiles) -> None:
        self._login = login
        self._files = files
        self._master = ControlMaster(login, files)
        self._tunnels = Forwards(self._master)
        self._sessions = Sessions(login)

    @property
    def login(self) -> Login:
        return self._login

    @property
    def config_file(self) -> Path:
        """For operators who run ssh by hand on the same connection."""
        return self._files.config

    def run(self, script: str, timeout: float) -> Result:
        return self._sessions.run(lambda deadline: self._run(script, deadline), timeout)

    def open_tunnels(self, forwards: Sequence[Forward]) -> dict[Path, SshError]:
        self._master.ensure()
        failed = self._tunnels.open(forwards)
        if len(failed) < len(forwards):
            self._master.backoff.succeeded()
        return failed

    def open_tunnel(self, socket: Path, host: str, port: int) -> None:
        for error in self.open_tunnels([Forward(socket, host, port)]).values():
            raise error

    def close_tunnel(self, socket: Path) -> None:
        self._tunnels.close(socket)

    def tunnel_alive(self, socket: Path) -> bool:
        return has_listener(socket)

    def close(self) -> None:
        self._master.stop()

    def _run(self, script: str, deadline: float) -> Result:
        left = max(deadline - time.monotonic(), 0.1)  # logging in does not count
        self._master.ensure()
        envelope = Envelope.around(script)
        argv = ["ssh", "-F", str(self._files.config), "-T", SHARED, REMOTE_COMMAND]
        done = run_process(argv, envelope.text(), left, OUTPUT_LIMIT)
        result = envelope.open(done.stdout, done.stderr)
        if result is None:
            raise self._failure(envelope, done)
        self._master.backoff.succeeded()
        return result

    def _failure(self, envelope: Envelope, done: Completed) -> SshError:
        """There was no end marker: how far did the script come?"""
        said = done.stderr.strip()
        if done.too_much:
            return command_errors.too_much_output(self._login)
        began = envelope.began(done.stdout)
        if done.exit_code is None:
            return command_errors.unanswered(self._login, maybe_ran=True)
        if "session request failed" in said and not began:
            return command_errors.session_refused(self._login)
        if not began and _NO_MASTER in said:
            return command_errors.lost_before(self._login)
        if not self._master.alive():
            error = command_errors.lost_during(self._login)
            self._master.backoff.failed(error)
            return error
        return command_errors.cut_off(self._login, envelope, done.stdout, done.stderr)


class OpenSshBackend:
    """Its masters are kept under `run_dir`, where a later process finds them again."""

    def __init__(self, run_dir: Path, state_dir: Path, socket_mask: int = SOCKET_MASK) -> None:
        self._run_dir = run_dir
        self._state_dir = state_dir
        self._socket_mask = socket_mask
        self._lock = threading.Lock()
        self._connections: dict[tuple[str, int], OpenSshConnection] = {}

    def connection(self, login: Login, number: int = 0) -> OpenSshConnection:
        with self._lock:
            if (login.id, number) not in self._connections:
                made = OpenSshConnection(login, self._prepare(login, number))
                self._connections[login.id, number] = made
            return self._connections[login.id, number]

    def close_except(self, kept: Collection[tuple[str, int]]) -> None:
        for config in sorted((self._run_dir.absolute() / "ssh").glob("*.conf")):
            login_id, _, number = config.stem.partition(".")
            known = (login_id, int(number or 0)) in kept
            if not known and has_listener(config.with_suffix(".ctl")):
                run_process(["ssh", "-F", str(config), "-O", "exit", SHARED], "", CONTROL_TIMEOUT)

    def close_all(self) -> None:
        self.close_except(())

    def _prepare(self, login: Login, number: int) -> LoginFiles:
        files = LoginFiles.of(login, self._run_dir, self._state_dir, number)
        if len(str(files.control).encode()) > LONGEST_PATH - _DRAFT_SUFFIX:
            raise LoginError(f"{files.control} is too long for a socket: choose a shorter run_dir.")
        for directory in (files.config.parent, files.known_hosts.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(files.config, render_config(login, files, self._socket_mask))
        return files
