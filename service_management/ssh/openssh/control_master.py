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
from service_management.ssh.unix_sockets import somebody_listens

START_TIMEOUT = 30.0  # ConnectTimeout is 10; slow directories and jump hosts take the rest
CONTROL_TIMEOUT = 5.0  # -O commands only talk to the local process


@dataclass
class ControlMaster:
    """Starts it when needed, one start at a time, and finds one already there."""

    login: Login
    files: LoginFiles
    backoff: Backoff = field(default_factory=lambda: Backoff(time.monotonic))
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def alive(self) -> bool:
        return somebody_listens(self.files.control)

    def ensure(self) -> None:
        """Return with a master that is logged in, or raise why there is none."""
        if self.alive():
            return
        with self._one_start_at_a_time():
            if self.alive():
                return
            self.backoff.guard()
            self._start()

    def pid(self) -> int | None:
        if not self.alive():
            return None
        match = re.search(r"pid=(\d+)", self.control("check").stderr)
        return int(match[1]) if match else None

    def control(self, command: str, *arguments: str) -> Completed:
        """`ssh -O <command>`: asks the local master process, which may in turn ask the far side."""
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
        stands = code == 0 and self.alive()
        LOGINS.add(str(self.login), "login", failed=not stands)
        if stands:
            self._open_a_session()
            return
        error = self._failure(code)
        self.backoff.failed(error)
        raise error

    def _open_a_session(self) -> None:
        """Only for a session does sshd set TCP_NODELAY, which then stays. Without it the small
        answers that a tunnel carries wait for acknowledgements, up to 40 ms each."""
        argv = ["ssh", "-F", str(self.files.config), "-T", SHARED, "true"]
        run_process(argv, "", CONTROL_TIMEOUT)

    def _failure(self, code: int | None) -> SshError:
        said = self.files.log.read_text(encoding="utf-8", errors="replace")
        if code is None:
            text = f"{self.login} did not complete the login within {START_TIMEOUT:.0f} s."
            return SshError(SshProblem.TIMEOUT, text)
        return login_error(self.login, said)

    @contextlib.contextmanager
    def _one_start_at_a_time(self) -> Iterator[None]:
        """Threads queue at the lock; another process (an old control plane) at the file lock."""
        with self._starting:
            descriptor = os.open(self.files.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
