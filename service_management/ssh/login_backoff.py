"""Growing pauses between failed logins: sites ban clients that keep trying."""

from __future__ import annotations

import threading
from collections.abc import Callable

from service_management.ssh.errors import SshError

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0


class Backoff:
    """Within a pause the last error is raised again at once, without a login."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._error: SshError | None = None
        self._delay = 0.0
        self._until = 0.0

    def guard(self) -> None:
        with self._lock:
            if self._error is not None and self._clock() < self._until:
                error = self._error
                raise SshError(error.problem, error.text)

    def failed(self, error: SshError) -> None:
        with self._lock:
            self._error = error
            self._delay = min(max(self._delay * 2, FIRST_DELAY), LONGEST_DELAY)
            self._until = self._clock() + self._delay

    def succeeded(self) -> None:
        with self._lock:
            self._error, self._delay, self._until = None, 0.0, 0.0
