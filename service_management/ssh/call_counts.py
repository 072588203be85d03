"""Counts calls and failed calls per login and kind of command, for the metrics."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class CallCounts:
    """By (user@host:port, kind of command). Shared by threads."""

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
        """Count one call; it failed if it raises."""
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
        """Includes zeros: a counter must exist before its first failure to show an increase."""
        with self._lock:
            return dict(self._failures)


# One for the process: either backend logs in where a command or a tunnel finds no connection.
LOGINS = CallCounts()
