"""How often each login was asked for what, and how often in vain."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class CallCounts:
    """Counts by (login as people write it, kind of command). Shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()

    def add(self, login: str, command: str, *, failed: bool) -> None:
        with self._lock:
            self._calls[login, command] += 1
            self._failures[login, command] += int(failed)

    @contextmanager
    def counting(self, login: str, command: str) -> Iterator[None]:
        """One call, that failed if it raises."""
        failed = True
        try:
            yield
            failed = False
        finally:
            self.add(login, command, failed=failed)

    def calls(self) -> dict[tuple[str, str], int]:
        with self._lock:
            return dict(self._calls)

    def failures(self) -> dict[tuple[str, str], int]:
        """Of every kind that was called: a counter that is there at 0 shows its first failure."""
        with self._lock:
            return dict(self._failures)


# One for the process: a login is made deep inside either backend, wherever a command or a tunnel
# finds that there is no connection.
LOGINS = CallCounts()
