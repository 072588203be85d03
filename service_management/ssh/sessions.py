"""The sessions of one connection: what both backends do around a command."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from service_management.ssh import command_errors
from service_management.ssh.connection import SESSIONS, Result
from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login import Login


class Sessions:
    def __init__(self, login: Login) -> None:
        self._login = login
        self._free = threading.BoundedSemaphore(SESSIONS)

    def run(self, attempt: Callable[[float], Result], timeout: float) -> Result:
        """`attempt` gets the deadline, and is made once more where the connection had ended
        before the script started."""
        deadline = time.monotonic() + timeout
        if not self._free.acquire(timeout=timeout):
            raise command_errors.all_sessions_busy(self._login, SESSIONS)
        try:
            return attempt(deadline)
        except SshError as error:
            if error.problem is not SshProblem.MASTER_LOST or error.maybe_ran:
                raise
            return attempt(deadline)
        finally:
            self._free.release()
