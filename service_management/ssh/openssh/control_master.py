"""A logged-in ssh process (a ControlMaster), which outlives this program."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from service_management.ssh.call_counts import LOGINS
from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.local_commands import Completed, run_detached, run_process
from service_management.ssh.login import Login
from service_management.ssh.login_backoff import Backoff
from service_management.ssh.login_errors import login_error
from service_management.ssh.openssh.ssh_config import LOGIN, SHARED, LoginFiles
from service_management.ssh.unix_sockets import has_listener

START_TIMEOUT = 30.0  # ConnectTimeout is 10; slow directories and jump hosts take the rest
CONTROL_TIMEOUT = 5.0  # -O commands only talk to the local process
LOG_LIMIT = 1 << 16  # characters of ssh's log that an error is made from


@dataclass
class ControlMaster:
    """Starts the master when needed, one start at a time, or uses one that is already running."""

    login: Login
    files: LoginFiles
    backoff: Backoff = field(default_factory=lambda: Backoff(time.monotonic))
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _known: tuple[tuple[int, int], int] | None = None  # a control socket, and its master's pid

    def alive(self) -> bool:
        return has_listener(self.files.control)

    def ensure(self) -> None:
        """Return once a master is logged in, or raise the reason why none is."""
        if self.alive():
            return
        with self._one_start_at_a_time():
            if self.alive():
                return
            self.backoff.guard()
            self._start()

    def pid(self) -> int | None:
        """Asked once for each control socket: every question is an `ssh` process."""
        socket = self._socket()
        if socket is None or not self.alive():
            return None
        if self._known is None or self._known[0] != socket:
            match = re.search(r"pid=(\d+)", self.control("check").stderr)
            self._known = (socket, int(match[1])) if match else None
        return self._known[1] if self._known else None

    def _socket(self) -> tuple[int, int] | None:
        """Tells one master's control socket from the next one's of the same name."""
        try:
            state = self.files.control.stat()
        except OSError:
            return None
        return state.st_ino, state.st_mtime_ns

    def control(self, command: str, *arguments: str) -> Completed:
        """`ssh -O <command>`: sent to the local master, which may in turn ask the login node."""
        argv = ["ssh", "-F", str(self.files.config), "-O", command, *arguments, SHARED]
        return run_process(argv, "", CONTROL_TIMEOUT)

    def stop(self) -> None:
        if self.alive():
            self.control("exit")

    def _start(self) -> None:
        # ssh would go on without multiplexing if a dead master's socket were in its way.
        self.files.control.unlink(missing_ok=True)
        self.files.log.write_text("", encoding="utf-8")
        argv = ["ssh", "-F", str(self.files.config), "-E", str(self.files.log), "-M", "-N", "-f"]
        code = run_detached([*argv, LOGIN], START_TIMEOUT)
        logged_in = code == 0 and self.alive()
        LOGINS.add(str(self.login), "login", failed=not logged_in)
        if logged_in:
            self._open_a_session()
            return
        error = self._failure(code)
        self.backoff.failed(error)
        raise error

    def _open_a_session(self) -> None:
        """sshd sets TCP_NODELAY only when a session begins; it then stays set. Without it the
        small answers that a tunnel carries wait for acknowledgements, up to 40 ms each."""
        argv = ["ssh", "-F", str(self.files.config), "-T", SHARED, "true"]
        run_process(argv, "", CONTROL_TIMEOUT)

    def _failure(self, code: int | None) -> SshError:
        if code is None:
            text = f"The login as {self.login} did not complete within {START_TIMEOUT:.0f} s."
            return SshError(SshProblem.TIMEOUT, text)
        with self.files.log.open(encoding="utf-8", errors="replace") as log:
            return login_error(self.login, log.read(LOG_LIMIT))

    @contextlib.contextmanager
    def _one_start_at_a_time(self) -> Iterator[None]:
        """Threads wait for the lock; another process (an old control plane) for the file lock."""
        with self._starting:
            descriptor = os.open(self.files.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
